import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, it } from 'vitest'
import { asyncCleanups, isFullCampaign, privateDirectory, run } from '../src/testing/index.ts'
import { publishedPackages, REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'publish.mjs')

it.runIf(isFullCampaign())(
  'every public package can be published, after the packages that it depends on',
  async () => {
    const done = await run(process.execPath, [SCRIPT, '--dry-run'], { limitMs: 280_000 })
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    const listed = [...done.stdout.matchAll(/^(@iapeer\/[a-z]+)@([\d.]+): \d+ files, \d+ bytes$/gm)]
    const order = listed.map(([, name]) => name)
    const published = publishedPackages()
    expect([...order].sort()).toEqual(published.map(({ manifest }) => manifest.name).sort())
    for (const { manifest } of published)
      for (const name of Object.keys(manifest.dependencies ?? {}).filter((one) => order.includes(one)))
        expect([name, order.indexOf(name) < order.indexOf(manifest.name)]).toEqual([name, true])
  },
  300_000,
)

/** A registry in a directory: `npm` publishes to it, but for the package that REFUSED names. */
const NPM = `#!${process.execPath}
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const [command, what, ...rest] = process.argv.slice(2)
const published = ({ name, version }) => join(process.env.REGISTRY, (name + '@' + version).replace('/', '+'))
if (command === 'view') {
  const isThere = existsSync(join(process.env.REGISTRY, what.replace('/', '+')))
  console.log(isThere ? '"there"' : '{"error":{"code":"E404"}}')
  process.exitCode = isThere ? 0 : 1
} else if (command === 'pack') {
  const manifest = readFileSync(join(what, 'package.json'), 'utf8')
  const filename = JSON.parse(manifest).name.replace(/\\W+/g, '-') + '.tgz'
  writeFileSync(join(rest[rest.indexOf('--pack-destination') + 1], filename), manifest)
  console.log(JSON.stringify([{ filename }]))
} else {
  const manifest = JSON.parse(readFileSync(what, 'utf8'))
  if (manifest.name === process.env.REFUSED) process.exitCode = 1
  else writeFileSync(published(manifest), '')
}
`

it('a publication that failed can be repeated: it goes on, and every published version has a tag', async () => {
  const made = privateDirectory()
  track(made.remove)
  const at = (...parts: string[]): string => join(made.path, ...parts)
  for (const directory of ['apps', 'packages/low', 'packages/top', '../bin', '../registry'])
    mkdirSync(at('repository', directory), { recursive: true })
  const manifest = (name: string, dependencies: object) =>
    writeFileSync(
      at('repository', 'packages', name, 'package.json'),
      JSON.stringify({ name: `@test/${name}`, version: '1.0.0', dependencies }),
    )
  manifest('top', { '@test/low': '1.0.0' })
  manifest('low', {})
  writeFileSync(at('bin', 'npm'), NPM, { mode: 0o755 })
  const git = async (...args: string[]): Promise<string> => {
    const done = await run('git', ['-C', at('repository'), ...args])
    expect([args, done.exitCode, done.stderr]).toEqual([args, 0, ''])
    return done.stdout
  }
  await git('init', '-q')
  await git(
    '-c',
    'user.name=test',
    '-c',
    'user.email=test@example.org',
    'commit',
    '-q',
    '--allow-empty',
    '-m',
    'All',
  )
  const publish = (refused = '') =>
    run(process.execPath, [SCRIPT, '--root', at('repository')], {
      env: {
        ...process.env,
        PATH: `${at('bin')}${delimiter}${process.env['PATH']}`,
        REGISTRY: at('registry'),
        REFUSED: refused,
      },
    })

  expect((await publish('@test/top')).exitCode).toBe(1)
  expect(await git('tag')).toBe('@test/low@1.0.0\n')
  // The run was killed between the publication and the tag.
  await git('tag', '-d', '@test/low@1.0.0')
  expect(await publish()).toMatchObject({
    exitCode: 0,
    stdout: '@test/low@1.0.0 is published already\nNew tag: @test/low@1.0.0\nNew tag: @test/top@1.0.0\n',
  })
  expect((await publish()).stdout).not.toContain('New tag')
  expect(await git('tag')).toBe('@test/low@1.0.0\n@test/top@1.0.0\n')
}, 60_000)
