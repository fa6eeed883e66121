import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isFullCampaign, privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

interface Entry {
  readonly text: string
  readonly link?: string
  readonly items?: readonly Entry[]
}

const DOCS = join(REPOSITORY, 'docs')
const load = (...path: string[]) => import(pathToFileURL(join(REPOSITORY, ...path)).href)
const { navigation } = await load('docs', '.vitepress', 'navigation.mjs')
const { diagramOf } = await load('packages', 'dev', 'site', 'diagrams.mjs')
const { targetOnSite } = await load('packages', 'dev', 'site', 'repository-links.mjs')

const linksOf = ({ link, items = [] }: Entry): string[] => [
  ...(link === undefined ? [] : [link]),
  ...items.flatMap(linksOf),
]

it('the navigation has every page of docs exactly once', () => {
  const pages = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !path.startsWith('api/') && path !== 'README.md')
    .map((path) => `/${path.slice(0, -'.md'.length)}`)
  const groups: readonly Entry[] = navigation()
  expect(groups.flatMap(linksOf).sort()).toEqual(pages.sort())
})

it.each([
  ['upgrade.md', 'upgrade.md'],
  ['../docs/upgrade.md#go-back', '../docs/upgrade.md#go-back'],
  ['#go-back', '#go-back'],
  ['https://example.org/../a', 'https://example.org/../a'],
  ['mailto:a@example.org', 'mailto:a@example.org'],
  ['../README.md#install', 'https://github.com/iapeer/iapeer/blob/main/README.md#install'],
  ['../examples', 'https://github.com/iapeer/iapeer/tree/main/examples'],
])('on the site, the link %s of a page leads to %s', (link, expected) => {
  expect(targetOnSite(link, { page: 'states.md', docs: DOCS })).toBe(expected)
})

it('a page in a directory links to the repository from there', () => {
  const place = { page: 'decisions/a.md', docs: DOCS }
  expect(targetOnSite('../states.md', place)).toBe('../states.md')
  expect(targetOnSite('../../LICENSE', place)).toBe('https://github.com/iapeer/iapeer/blob/main/LICENSE')
})

it('a diagram becomes a picture with its texts, which loads nothing', () => {
  const picture = diagramOf('stateDiagram-v2\n  [*] --> waiting\n  waiting --> offered: given to a session\n')
  expect(picture).toMatch(/^<svg [\s\S]*<\/svg>\s*$/)
  for (const text of ['waiting', 'offered', 'given to a session']) expect(picture).toContain(text)
  expect(picture.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|@import/)
})

describe.runIf(isFullCampaign())('the built site', () => {
  let directory: ReturnType<typeof privateDirectory>
  beforeAll(() => {
    directory = privateDirectory()
  })
  afterAll(() => directory.remove())

  it('has every page and the search, and loads nothing from other hosts', async () => {
    const script = join(REPOSITORY, 'packages', 'dev', 'scripts', 'docs-site.mjs')
    const done = await run(process.execPath, [script, '--out', directory.path], { limitMs: 180_000 })
    expect([done.exitCode, done.stderr]).toEqual([0, expect.any(String)])
    const files = readdirSync(directory.path, { recursive: true, encoding: 'utf8' })
    for (const name of [
      'index.html',
      'states.html',
      'decisions/0003-the-witness-does-not-attach.html',
      'api/canary/index.html',
    ])
      expect(files).toContain(name)
    expect(files.some((name) => name.includes('localSearchIndex'))).toBe(true)
    const loads = files
      .filter((name) => /\.(?:html|css)$/.test(name))
      .flatMap((name) => [
        ...readFileSync(join(directory.path, name), 'utf8').matchAll(
          /<(?:script|img|link)\b[^>]*?(?:src|href)="https?:[^"]*"|url\(["']?https?:[^)]*\)|@import[^;]*/g,
        ),
      ])
    expect(loads.map(([text]) => text)).toEqual([])
  }, 200_000)
})
