import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  asyncCleanups,
  type FoundNode,
  findNode,
  isFullCampaign,
  NODE_MAJORS,
  packPackages,
  privateDirectory,
  run,
  serverAt,
  until,
} from '../src/testing/index.ts'
import { publishedPackages } from '../src/workspace.ts'
import { LIBRARY_PROGRAMS } from './library-programs.ts'

const track = asyncCleanups()
const published = publishedPackages()
const APPS = ['@iapeer/cli', '@iapeer/daemon']
const libraries = published.map(({ manifest }) => manifest.name).filter((name) => !APPS.includes(name))

const require = createRequire(import.meta.url)
const COMPILERS = {
  'TypeScript 6': require.resolve('typescript/bin/tsc'),
  'TypeScript 7': join(dirname(require.resolve('typescript-7/package.json')), 'bin', 'tsc'),
}
const TYPES = dirname(dirname(require.resolve('@types/node/package.json')))

/** Writes a manifest that requires all libraries. The exact versions of one another that they require are in no registry yet. */
function writeManifest(path: string, tarballs: ReadonlyMap<string, string>): void {
  const files = libraries.map((name) => [name, `file:${tarballs.get(name)}`] as const)
  writeFileSync(
    join(path, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies: Object.fromEntries(files) }),
  )
  const overrides = files.map(([name, file]) => `  '${name}': '${file}'\n`)
  writeFileSync(join(path, 'pnpm-workspace.yaml'), `packages: ['.']\noverrides:\n${overrides.join('')}`)
}

const INSTALL = {
  npm: ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'],
  pnpm: ['install', '--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile'],
} as const

/** By major version: set before the tests. */
const nodes = new Map<number, FoundNode>()
let directory: ReturnType<typeof privateDirectory> | undefined
let tarballs: ReadonlyMap<string, string> = new Map()

/** Runs a command that must succeed. @returns its output */
async function must(
  file: string,
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd: string; readonly limitMs?: number },
): Promise<string> {
  const done = await run(file, args, { limitMs: 120_000, ...options })
  if (done.exitCode !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
  return done.stdout
}

function newDirectory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

/** Runs the program of a library, and kills the server that it has started. @returns what the program printed */
async function runProgram(project: string, name: string, node: { program: string; env: NodeJS.ProcessEnv }) {
  const path = newDirectory()
  const home = join(path, 'home')
  mkdirSync(home)
  // Later programs need the packages too.
  const text = (LIBRARY_PROGRAMS[name] ?? '').replace(/^rmSync\(.*\)$/gm, '')
  const file = join(project, `${name.replace(/\W/g, '-')}.js`)
  writeFileSync(file, text)
  const env = { ...node.env, TMUX: '', IAPEER_ROOT: join(path, 'root'), HOME: home }
  const output = await must(node.program, [file, path], { cwd: project, env })
  const printed: Readonly<Record<string, unknown>> = JSON.parse(output.trim().split('\n').at(-1) ?? '')
  if (typeof printed['pid'] === 'number') {
    const socketPath = typeof printed['socketPath'] === 'string' ? printed['socketPath'] : join(path, 's')
    await serverAt(socketPath, printed['pid']).end()
    const state = join(path, 'root', 'state', 'canary')
    await until('the end of the recorder', () => readdirSync(state).length === 0)
  }
  return printed
}

/** Checks the declarations of all libraries with both compilers, as Node.js and as a bundler finds them. */
async function checkTypes(project: string, node: { program: string; env: NodeJS.ProcessEnv }) {
  const imports = libraries.flatMap((name) => {
    const manifest = readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8')
    return Object.keys(JSON.parse(manifest).exports).map((one) => join(name, one))
  })
  const lines = imports.map((one, at) => `export * as _${at} from '${one}'\n`)
  writeFileSync(join(project, 'all.ts'), lines.join(''))
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--typeRoots', TYPES, '--types', 'node']
  for (const compiler of Object.values(COMPILERS))
    for (const [module, resolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const args = [...options, '--module', `${module}`, '--moduleResolution', `${resolution}`, 'all.ts']
      await must(node.program, [compiler, ...args], { cwd: project, env: node.env })
    }
}

describe.runIf(isFullCampaign())('the packed packages', () => {
  beforeAll(async () => {
    directory = privateDirectory()
    const directories = published.map((one) => one.directory)
    tarballs = await packPackages(directories, directory.path, 'pnpm')
    for (const major of NODE_MAJORS) nodes.set(major, await findNode(major, directory.path))
  }, 300_000)
  afterAll(() => directory?.remove())

  /** Returns a Node.js, or skips the test. */
  function nodeOf(major: number, skip: (why: string) => never): Exclude<FoundNode, { skipped: string }> {
    const found = nodes.get(major) ?? { skipped: `Node.js ${major} was not looked for` }
    return 'program' in found ? found : skip(found.skipped)
  }

  const CASES = NODE_MAJORS.flatMap((major) => (['npm', 'pnpm'] as const).map((one) => [major, one] as const))
  describe.each(CASES)('on Node.js %i, installed with %s in an empty project', (major, manager) => {
    it('run, and have valid types', async ({ skip }) => {
      const node = nodeOf(major, skip)
      const project = newDirectory()
      writeManifest(project, tarballs)
      await must(manager, INSTALL[manager], { cwd: project, env: node.env })
      const printed = new Map<string, unknown>()
      for (const name of libraries) printed.set(name, await runProgram(project, name, node))
      const isServer = expect.objectContaining({ pid: expect.any(Number) })
      expect(Object.fromEntries(printed)).toEqual({
        '@iapeer/canary': isServer,
        '@iapeer/core': { names: ['bob'] },
        '@iapeer/forensics': { verdict: 'killed-by-signal' },
        '@iapeer/host': { state: 'stopped' },
        '@iapeer/lifecycle': isServer,
        '@iapeer/protocol': { daemon: 'undefined', title: 'iapeerd' },
        '@iapeer/tmux': isServer,
      })
      // The types do not depend on the version of Node.js.
      if (major === NODE_MAJORS[0]) await checkTypes(project, node)
    }, 400_000)
  })

  it.each(NODE_MAJORS)(
    'install iapeer and iapeerd on Node.js %i with npm install --global',
    async (major) => {
      const node = nodeOf(major, (why) => {
        throw new Error(why)
      })
      const path = newDirectory()
      const home = join(path, 'home')
      mkdirSync(home)
      const env = { ...node.env, HOME: home, IAPEER_ROOT: join(path, 'root'), TMUX: '' }
      const prefix = join(path, 'prefix')
      const tarball = tarballs.get('@iapeer/cli') ?? ''
      // npm keeps its cache of packages, which is in the real home.
      await must('npm', [...INSTALL.npm, '--global', '--prefix', prefix, tarball], {
        cwd: path,
        env: node.env,
      })
      const bin = join(prefix, 'bin')
      const [version] = [...published].map(({ manifest }) => manifest.version)
      for (const name of ['iapeer', 'iapeerd'])
        expect(await must(join(bin, name), ['--version'], { cwd: path, env })).toBe(`${version}\n`)
      expect(await must(join(bin, 'iapeer'), ['demo'], { cwd: path, env })).toMatch(
        /All processes and files of the demo are removed/,
      )
      // Exit code 1 means that the host has a fault, which depends on the host.
      const doctor = await run(join(bin, 'iapeer'), ['doctor', '--json'], { cwd: path, env, limitMs: 60_000 })
      expect(doctor).toMatchObject({ exitCode: expect.toBeOneOf([0, 1]), stderr: '' })
      const findings = doctor.stdout.trim().split('\n')
      expect(findings.map((line) => JSON.parse(line)).length).toBeGreaterThan(0)
    },
    300_000,
  )
})
