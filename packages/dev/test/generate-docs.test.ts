import { appendFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'generate-docs.mjs')
const generate = (...args: string[]) => run(process.execPath, [SCRIPT, ...args])
const PAGES = ['errors.md', 'environment.md', 'commands.md']

let made: ReturnType<typeof privateDirectory>
let docs: string
/** Each command prints its help in a process of its own, so the pages are written once for all tests. */
beforeAll(async () => {
  made = privateDirectory()
  docs = join(made.path, 'docs')
  mkdirSync(docs)
  expect(await generate('--docs', docs)).toMatchObject({ exitCode: 0, stderr: '' })
})
afterAll(() => made.remove())

const page = (name: string): string => readFileSync(join(docs, name), 'utf8')

describe('the generated pages', () => {
  it('are up to date after they are written', async () => {
    expect(await generate('--check', '--docs', docs)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
  })

  it('contain the tables and the help', () => {
    expect(page('errors.md')).toMatch(/^\| `lock-held` +\| `conflict` +\| Another /m)
    expect(page('environment.md')).toMatch(
      /^\| `IAPEER_TICK_SECS` .* a number of seconds >= 0\.1 +\| 60 +\| daemon +\| yes +\|$/m,
    )
    expect(page('commands.md')).toMatch(
      /^## iapeer daemon start\n\n```text\nUsage: iapeer daemon start \[options\]\n/m,
    )
  })

  it('have a section for each command that the help lists', () => {
    const [, help = ''] = /^## iapeer\n\n```text\n([\s\S]*?)\nExamples:/m.exec(page('commands.md')) ?? []
    const listed = [...help.matchAll(/^ {2}([a-z][a-z-]*)(?= )/gm)].map(([, name]) => `iapeer ${name}`)
    // They print what the other sections contain.
    const listing = ['iapeer help', 'iapeer version']
    const sections = [...page('commands.md').matchAll(/^## (.+)$/gm)].map(([, name]) => name)
    expect(listed.length).toBeGreaterThan(25)
    expect(listed.filter((name) => !sections.includes(name))).toEqual(listing)
    expect(new Set(sections).size).toBe(sections.length)
  })

  it('--check reports pages that differ and does not change them', async () => {
    const edited = join(made.path, 'edited')
    cpSync(docs, edited, { recursive: true })
    for (const name of PAGES) appendFileSync(join(edited, name), 'by hand\n')
    expect(await generate('--check', '--docs', edited)).toMatchObject({
      exitCode: 1,
      stdout: PAGES.map((name) => `${join(edited, name)} is out of date: run pnpm generate\n`).join(''),
    })
    for (const name of PAGES) expect(readFileSync(join(edited, name), 'utf8')).toMatch(/by hand\n$/)
  })
})
