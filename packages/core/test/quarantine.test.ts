import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { quarantine, quarantinedFiles } from '../src/storage/index.ts'
import { folders } from './support.ts'

const { folder } = folders()

it('keeps every file that was set aside', async () => {
  const path = join(folder(), 'bob.tally')
  const kept: (string | undefined)[] = []
  for (const text of ['first', 'second', 'third']) {
    writeFileSync(path, text)
    kept.push(await quarantine(path, { text }))
  }
  expect(kept).toEqual([`${path}.corrupt`, `${path}.corrupt-2`, `${path}.corrupt-3`])
  expect(kept.map((one) => readFileSync(one ?? '', 'utf8'))).toEqual(['first', 'second', 'third'])
  expect((await quarantinedFiles(path)).sort()).toEqual(kept)
})

it('one of many moves the file, none fails, and nothing else is left', async () => {
  const at = folder()
  const path = join(at, 'bob.tally')
  for (let round = 1; round <= 50; round++) {
    writeFileSync(path, `broken ${round}`)
    const text = `broken ${round}`
    const moved = await Promise.all(Array.from({ length: 8 }, () => quarantine(path, { text })))
    expect(moved.filter((one) => one !== undefined)).toHaveLength(1)
  }
  const names = readdirSync(at)
  expect(names).toHaveLength(50)
  expect(new Set(names.map((name) => readFileSync(join(at, name), 'utf8'))).size).toBe(50)
})

it('leaves a file that was replaced since it was read, and one that is gone', async () => {
  const path = join(folder(), 'bob.tally')
  writeFileSync(path, 'whole')
  expect(await quarantine(path, { text: 'broken' })).toBeUndefined()
  expect(readFileSync(path, 'utf8')).toBe('whole')
  expect(await quarantine(`${path}.other`, { text: 'broken' })).toBeUndefined()
})
