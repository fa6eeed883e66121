import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFullCampaign } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { mailHomes } from './mail-support.ts'
import { followPage, matches, runnableBlocks } from './pages.ts'

const newHome = mailHomes()
const DOCS = fileURLToPath(new URL('../../../docs', import.meta.url))
const pageOf = (name: string) => readFileSync(join(DOCS, name), 'utf8')

/** The pages whose commands a reader follows from top to bottom, the shortest first. */
const PAGES = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
  .filter(
    (name) => name.endsWith('.md') && !name.startsWith('api/') && runnableBlocks(pageOf(name)).length > 0,
  )
  .sort((a, b) => pageOf(a).length - pageOf(b).length)

/** The pages that also the short run follows: those that a new user reads first, and what an administrator does. */
const SHORT = ['tutorials/watch-my-tmux.md', 'quick-start.md', 'operations.md']

it.each(PAGES.filter((name) => isFullCampaign() || SHORT.includes(name)))(
  'each command of docs/%s runs, and prints what the page says',
  async (name) => {
    expect(await followPage(pageOf(name), newHome())).toEqual([])
  },
  90_000,
)

it('every tutorial has commands that run', () => {
  expect(PAGES.filter((name) => name.startsWith('tutorials/')).sort()).toEqual(
    readdirSync(join(DOCS, 'tutorials'))
      .map((name) => `tutorials/${name}`)
      .sort(),
  )
  expect(PAGES).toEqual(expect.arrayContaining(SHORT))
})

it.each([
  ['the same', ['a 1'], 'a 1\n', true],
  ['other numbers and widths', ['a  12 s ago'], 'a 3 s ago\n', true],
  ['other ids', ['x-5348f97c m_q5t2mmxk3v7aaxwz'], 'x-aa48f97d m_zzt2mmxk3v7aaxwz\n', true],
  ['any lines', ['a', '…', 'c'], 'a\nb\nb\nc\n', true],
  ['the rest of a line', ['a …'], 'a b c\n', true],
  ['nothing', [], '', true],
  ['a line that the page lacks', ['a'], 'a\nb\n', false],
  ['a line that the run lacks', ['a', 'b'], 'a\n', false],
  ['another word', ['a running'], 'a stopped\n', false],
  ['output where the page has none', [], 'a\n', false],
  ['a word in place of a number', ['pid 12'], 'pid unknown\n', false],
])('an output with %s is compared with the page', (_what, expected, actual, isSame) => {
  expect(matches(expected, actual)).toBe(isSame)
})
