import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from '@jridgewell/sourcemap-codec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SourceMap } from '../src/line-maps.ts'
import { asyncCleanups, isFullCampaign, packPackages, privateDirectory, run } from '../src/testing/index.ts'
import {
  dependencyFaults,
  importedPackages,
  type Manifest,
  metadataFaults,
  publishedPackages,
  REPOSITORY,
  workspacePackages,
} from '../src/workspace.ts'

const track = asyncCleanups()
const published = publishedPackages()
const cases = published.map(({ manifest, directory }) => [manifest.name, directory, manifest] as const)

function newDirectory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

describe('dependencies', () => {
  it('are exact versions, and the current ones for packages of this repository', () => {
    expect(dependencyFaults(workspacePackages().map(({ manifest }) => manifest))).toEqual([])
    expect(published.length).toBeGreaterThan(6)
  })

  const core: Manifest = { name: '@iapeer/core', version: '0.2.0' }
  const dev: Manifest = { name: '@iapeer/dev', version: '0.1.0', private: true }
  it.each([
    [{ dependencies: { '@iapeer/core': '0.2.0', execa: '9.6.1' } }, []],
    [{ dependencies: { '@iapeer/core': 'workspace:*' } }, [/core "workspace:\*", expected "0.2.0"/]],
    [{ devDependencies: { '@iapeer/core': '0.1.0' } }, [/devDependencies .* "0.1.0", expected "0.2.0"/]],
    [{ peerDependencies: { '@iapeer/core': '^0.2.0' } }, [/"\^0.2.0", expected "0.2.0"/]],
    [{ dependencies: { execa: '^9.6.1' } }, [/execa "\^9.6.1", expected an exact version/]],
    [{ devDependencies: { 'execa-9': 'npm:execa@9.6.1' } }, []],
    [
      { devDependencies: { 'execa-9': 'npm:execa@^9.6.1' } },
      [/execa-9 "npm:execa@\^9.6.1", expected an exact version/],
    ],
    [
      { dependencies: { execa: '9.6.1' }, devDependencies: { execa: '9.6.0' } },
      [/"9.6.0", expected "9.6.1"/],
    ],
    [{ dependencies: { '@iapeer/dev': '0.1.0' } }, [/which is not published/]],
    [{ devDependencies: { '@iapeer/dev': '0.1.0' } }, []],
  ] satisfies [Partial<Manifest>, RegExp[]][])('%j', (fields, faults) => {
    const found = dependencyFaults([core, dev, { name: '@iapeer/x', version: '0.1.0', ...fields }])
    expect(found).toEqual(faults.map((fault) => expect.stringMatching(fault)))
  })

  it('the command and the daemon have the same version', () => {
    const pair = ['0.1.0', '0.2.0'].map((version, at) => ({
      name: `@iapeer/${['cli', 'daemon'][at]}`,
      version,
    }))
    expect(dependencyFaults(pair)).toEqual(['@iapeer/cli and @iapeer/daemon have different versions'])
  })

  it.each(cases)(
    '%s declares exactly the packages that its built code imports',
    (_name, directory, manifest) => {
      const built = join(REPOSITORY, directory, 'dist')
      const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((file) =>
        /\.(?:js|d\.ts)$/.test(file),
      )
      const imported = files.flatMap((file) => importedPackages(readFileSync(join(built, file), 'utf8')))
      expect([...new Set(imported)].sort()).toEqual(Object.keys(manifest.dependencies ?? {}).sort())
    },
  )

  it('an import is found in every syntax', () => {
    const text = [
      "import a, { b } from 'one/sub'",
      "export * from '@two/x/y'",
      "const c = await import('three')",
      "import 'four'",
      "import d from './own.js'",
      "import e from 'node:fs'",
      "import f from 'fs/promises'",
      "export type { G } from 'five'",
      "const h = requireLibrary2(import.meta.url, 'six')",
      'const i = createRequire(import.meta.url)',
    ]
    expect(importedPackages(text.join('\n'))).toEqual(['@two/x', 'five', 'four', 'one', 'six', 'three'])
  })
})

describe('metadata', () => {
  it.each(published.map((one) => [one.manifest.name, one] as const))(
    'of %s leads to the repository',
    (_name, one) => {
      expect(metadataFaults(one)).toEqual([])
    },
  )

  it('that is missing, or of another package, is reported', () => {
    const [one] = published
    if (one === undefined) throw new Error('no package is published')
    const { keywords: _gone, ...others } = one.manifest
    expect(metadataFaults({ directory: 'packages/other', manifest: others })).toEqual([
      expect.stringMatching(/^homepage is ".*", expected ".*\/packages\/other#readme"$/),
      expect.stringMatching(/^repository\.directory is ".*", expected "packages\/other"$/),
      'keywords has fewer than 3 words',
    ])
  })
})

describe.runIf(isFullCampaign())('a packed package', () => {
  async function contents(tarball: string): Promise<{ files: Map<string, string>; manifest: Manifest }> {
    const into = newDirectory()
    const done = await run('tar', ['xzf', tarball, '-C', into])
    if (done.exitCode !== 0) throw new Error(done.stderr)
    const root = join(into, 'package')
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    const texts = files.map((path) => [path.slice(root.length + 1), readFileSync(path, 'latin1')] as const)
    const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    return { files: new Map(texts.filter(([name]) => name !== 'package.json').sort()), manifest }
  }

  const directories = published.map(({ directory }) => directory)
  let packed: ReturnType<typeof privateDirectory> | undefined
  afterAll(() => packed?.remove())
  let npmTarballs: ReadonlyMap<string, string>
  let pnpmTarballs: ReadonlyMap<string, string>
  beforeAll(async () => {
    packed = privateDirectory()
    npmTarballs = await packPackages(directories, join(packed.path, 'npm'), 'npm')
    pnpmTarballs = await packPackages(directories, join(packed.path, 'pnpm'), 'pnpm')
  }, 120_000)

  it.each(cases)('of %s has the same files from npm and pnpm, including the license', async (name) => {
    const [npm, pnpm] = await Promise.all([
      contents(npmTarballs.get(name) ?? ''),
      contents(pnpmTarballs.get(name) ?? ''),
    ])
    expect([...pnpm.files.keys()]).toEqual([...npm.files.keys()])
    for (const [file, text] of npm.files) expect([file, pnpm.files.get(file) === text]).toEqual([file, true])
    const { scripts: _npm, ...fields } = { scripts: undefined, ...npm.manifest }
    expect(pnpm.manifest).toMatchObject(fields)
    expect(npm.files.get('LICENSE')).toBe(readFileSync(join(REPOSITORY, 'LICENSE'), 'latin1'))
    expect(JSON.stringify([npm.manifest, pnpm.manifest])).not.toMatch(/workspace:|@iapeer\/dev/)
  })
})

it('the licenses of the libraries that a package contains are in it', () => {
  const noticesOf = (directory: string): string =>
    readFileSync(join(REPOSITORY, directory, 'dist', 'third-party-licenses.txt'), 'utf8')
  expect(noticesOf('packages/core')).toMatch(/^zod \d.*\n\nMIT License$/m)
  for (const name of ['@bomb.sh/tab', 'commander', 'fast-copy', 'saxes', 'zod'])
    expect(noticesOf('apps/cli')).toMatch(new RegExp(`^${name} \\d`, 'm'))
  expect(existsSync(join(REPOSITORY, 'packages/forensics/dist/third-party-licenses.txt'))).toBe(false)
})

describe('source maps', () => {
  /** Yields each generated line of a map with its source and the line there. */
  function* linesOf(map: SourceMap): Generator<[number, string, number]> {
    for (const [at, segments] of decode(map.mappings).entries())
      for (const [, source, line] of segments)
        if (source !== undefined && line !== undefined) {
          const content = map.sourcesContent[source]
          if (typeof content === 'string') yield [at, content, line]
        }
  }

  it.each(cases)('of %s contain its sources and lead to the right line', (name, directory) => {
    const built = join(REPOSITORY, directory, 'dist')
    const maps = readdirSync(built).filter((file) => file.endsWith('.js.map'))
    expect(maps.length).toBeGreaterThan(0)
    let functions = 0
    for (const file of maps) {
      const map: SourceMap = JSON.parse(readFileSync(join(built, file), 'utf8'))
      // A library that is bundled need not ship its sources.
      const missing = map.sources.filter(
        (source, at) => !map.sourcesContent[at] && !source.includes('/node_modules/'),
      )
      // The maps of the canary leave out the sources of core to save space; the package of core contains them.
      const named =
        name === '@iapeer/canary' ? missing.filter((source) => !source.includes('/core/src/')) : missing
      expect([file, named]).toEqual([file, []])
      const generated = readFileSync(join(built, file.slice(0, -4)), 'utf8').split('\n')
      for (const [at, source, line] of linesOf(map)) {
        const [, called] = /^(?:async )?function\*? ([A-Za-z]{4,})\(/.exec(generated[at] ?? '') ?? []
        if (called === undefined) continue
        functions++
        expect([file, called, source.split('\n')[line]]).toEqual([
          file,
          called,
          expect.stringContaining(called),
        ])
      }
    }
    expect(functions).toBeGreaterThan(5)
  })
})
