import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

let made: ReturnType<typeof privateDirectory>
beforeEach(() => {
  made = privateDirectory()
})
afterEach(() => made.remove())

const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'generate-docs.mjs')
const generate = (...args: string[]) => run(process.execPath, [SCRIPT, ...args])

describe('the generated pages', () => {
  it('are written if they are missing, and are then up to date', async () => {
    const docs = made.path
    expect(await generate('--docs', docs)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await generate('--check', '--docs', docs)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
    expect(readFileSync(join(docs, 'errors.md'), 'utf8')).toMatch(
      /^\| `lock-held` +\| `conflict` +\| Another /m,
    )
    expect(readFileSync(join(docs, 'environment.md'), 'utf8')).toMatch(
      /^\| `IAPEER_TICK_SECS` .* a number of seconds >= 0\.1 +\| 60 +\| `daemon\.tick_secs` /m,
    )
  })

  it.each(['errors.md', 'environment.md'])(
    '--check reports a %s that differs and does not change it',
    async (name) => {
      const docs = made.path
      await generate('--docs', docs)
      appendFileSync(join(docs, name), 'by hand\n')
      expect(await generate('--check', '--docs', docs)).toMatchObject({
        exitCode: 1,
        stdout: `${join(docs, name)} is out of date: run pnpm generate\n`,
      })
      expect(readFileSync(join(docs, name), 'utf8')).toMatch(/by hand\n$/)
    },
  )
})
