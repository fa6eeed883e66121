import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { notifiedTwice } from '../src/notified-deaths.ts'

const track = asyncCleanups()
const [FIRST, SECOND] = ['00112233445566aa', '00112233445566bb']
const verdict = (gen: string, more = ''): string =>
  `ts=2026-06-10T15:42:07.113Z ev=verdict identity=command-bob gen=${gen} verdict=crashed confidence=high${more}\n`

it('finds a death that was notified twice, also across a rotation, and no other one', () => {
  const directory = privateDirectory()
  track(directory.remove)
  const log = join(directory.path, 'lifecycle.log')
  expect(notifiedTwice(log)).toEqual([])
  const launch = `ts=2026-06-10T15:42:07.113Z ev=launch identity=command-bob gen=${SECOND} mode=" ev=verdict "\n`
  writeFileSync(log, verdict(FIRST) + launch + launch)
  expect(notifiedTwice(log)).toEqual([])
  writeFileSync(`${log}.1`, verdict(SECOND))
  expect(notifiedTwice(log)).toEqual([])
  writeFileSync(`${log}.2`, verdict(FIRST, ' by=x'))
  expect(notifiedTwice(log)).toEqual([FIRST])
})
