import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { quarantine, quarantinedFiles, readIfExists } from '../src/storage/index.ts'
import { directories } from './support.ts'

const { directory } = directories()

it('keeps every file that was moved', async () => {
  const path = join(directory(), 'bob.tally')
  const kept: (string | undefined)[] = []
  for (const text of ['first', 'second', 'third']) {
    writeFileSync(path, text)
    kept.push(quarantine(path, { text }))
  }
  expect(kept).toEqual([`${path}.corrupt`, `${path}.corrupt-2`, `${path}.corrupt-3`])
  expect(kept.map((one) => readFileSync(one ?? '', 'utf8'))).toEqual(['first', 'second', 'third'])
  expect((await quarantinedFiles(path)).sort()).toEqual(kept)
})

/** The program of a process that quarantines the file it reads, repeatedly, until its input ends. */
const QUARANTINER = `
  import { quarantine, readIfExists } from ${JSON.stringify(new URL('../dist/storage.js', import.meta.url).href)}
  let on = true
  process.stdin.on('end', () => { on = false }).resume()
  while (on) {
    const text = readIfExists(process.argv[1])
    if (text?.startsWith('broken')) quarantine(process.argv[1], { text })
    await new Promise((resolve) => setImmediate(resolve))
  }`

it.runIf(isFullCampaign())(
  'moves each corrupt file once, and no valid one, from many processes at once',
  async () => {
    const at = directory()
    const path = join(at, 'bob.tally')
    const many = Array.from({ length: 6 }, () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', QUARANTINER, path], {
        stdio: ['pipe', 'inherit', 'inherit'],
      })
      return { child, ended: once(child, 'exit') }
    })
    for (let round = 0; round < 300; round++) {
      writeFileSync(`${path}.new`, `broken ${round}`)
      renameSync(`${path}.new`, path)
      await until('it to be moved', () => !existsSync(path))
      writeFileSync(`${path}.new`, `whole ${round}`)
      renameSync(`${path}.new`, path)
      await new Promise((resolve) => setTimeout(resolve, 2))
      await until('the whole one', () => readIfExists(path) === `whole ${round}`)
    }
    for (const { child, ended } of many) {
      child.stdin.end()
      expect(await ended).toEqual([0, null])
    }
    const kept = readdirSync(at).filter((name) => name !== 'bob.tally')
    expect(kept.map((name) => readFileSync(join(at, name), 'utf8')).sort()).toEqual(
      Array.from({ length: 300 }, (_none, round) => `broken ${round}`).sort(),
    )
  },
  60_000,
)

it('does not move a file that was replaced or removed since it was read', async () => {
  const path = join(directory(), 'bob.tally')
  writeFileSync(path, 'whole')
  expect(quarantine(path, { text: 'broken' })).toBeUndefined()
  expect(readFileSync(path, 'utf8')).toBe('whole')
  expect(quarantine(`${path}.other`, { text: 'broken' })).toBeUndefined()
})
