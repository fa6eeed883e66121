import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { manPages } from '../../../packages/dev/src/man-pages.ts'
import usages from '../src/commands/usages.json' with { type: 'json' }

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const MAN = join(PACKAGE, 'dist', 'man')
const pages = readdirSync(MAN).sort()
const page = (name: string): string => readFileSync(join(MAN, name), 'utf8')

it('the package has a manual page for iapeer and for each command of its help, and names them', () => {
  const shown = Object.entries(usages).filter(([, usage]) => !('hidden' in usage))
  const names = shown.map(([name]) => `iapeer-${name.replaceAll(' ', '-')}.1`)
  expect(pages).toEqual(['iapeer.1', ...names].sort())
  const { man } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))
  expect([...man].sort()).toEqual(pages.map((name) => `./dist/man/${name}`))
})

it('a page has the arguments, options and exit codes of its command', () => {
  const start = page('iapeer-start.1')
  for (const option of Object.keys(usages.start.options))
    expect(start).toContain(option.split(' ')[0]?.replaceAll('-', '\\-'))
  for (const code of Object.keys(usages.start.exitCodes)) expect(start).toContain(`\\fB${code}\\fR\n`)
  expect(start).toContain('\\fI[peer]\\fR')
})

it('the main page lists every command with what it does', () => {
  for (const name of pages.filter((one) => one !== 'iapeer.1'))
    expect(page('iapeer.1')).toContain(`.BR ${name.slice(0, -2).replaceAll('-', '\\-')} (1)`)
})

it('a text cannot become a request or an escape of roff', () => {
  const usage = {
    summary: "it's a `.so` file. \\fB",
    details: '.so /etc/passwd\n\n  .so example\n',
    arguments: { '<a-b>': "'quoted" },
    options: {},
  }
  const text = manPages({ usages: { x: usage }, version: '1', date: '2026-11-30', exitCodes: {} }).get(
    'iapeer-x.1',
  )
  expect(text).not.toMatch(/^\.so|^'/m)
  expect(text).toContain('\\&.so /etc/passwd')
  expect(text).toContain('\\efB')
})

const programs = (process.env['PATH'] ?? '').split(':').flatMap((directory) => {
  try {
    return readdirSync(directory)
  } catch {
    // A directory of the PATH need not exist.
    return []
  }
})

it.runIf(programs.includes('groff'))('groff formats every page without a warning', async () => {
  const paths = pages.map((name) => join(MAN, name))
  const { exitCode, stderr } = await run('groff', ['-man', '-ww', '-Tascii', ...paths])
  expect([exitCode, stderr]).toEqual([0, ''])
})

it.runIf(programs.includes('mandoc'))('mandoc has no complaint about a page', async () => {
  const { exitCode, stdout } = await run('mandoc', ['-Tlint', ...pages.map((name) => join(MAN, name))])
  expect([exitCode, stdout]).toEqual([0, ''])
})
