import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { OwnProgram } from '../src/own-program.ts'

const track = asyncCleanups()

it('a daemon whose program was removed has a problem after a minute, and none once the program is back', () => {
  const { path: directory, remove } = privateDirectory()
  track(remove)
  const path = join(directory, 'main.js')
  writeFileSync(path, '')
  const program = new OwnProgram(path)
  expect(program.problems(0)).toEqual([])
  rmSync(path)
  expect(program.problems(1_000)).toEqual([])
  expect(program.problems(60_999)).toEqual([])
  expect(program.problems(61_000)).toMatchObject([{ id: 'program-removed', where: path }])
  writeFileSync(path, '')
  expect(program.problems(62_000)).toEqual([])
  rmSync(path)
  // An upgrade takes it away for a moment again.
  expect(program.problems(120_000)).toEqual([])
})
