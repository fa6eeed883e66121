import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  asyncCleanups,
  isFullCampaign,
  npmInstall,
  packPackages,
  privateDirectory,
  run,
  serverAt,
  until,
} from '../src/testing/index.ts'
import { publishedPackages } from '../src/workspace.ts'
import { LIBRARY_PROGRAMS } from './library-programs.ts'

const track = asyncCleanups()
const directory = privateDirectory()
afterAll(directory.remove)

const published = new Map(publishedPackages().map((one) => [one.manifest.name, one]))
let tarballs: ReadonlyMap<string, string>
beforeAll(async () => {
  const directories = [...published.values()].map((one) => one.directory)
  // workspace.test.ts proves that npm packs the same files, but slower.
  tarballs = await packPackages(directories, directory.path, 'pnpm')
}, 120_000)

/** Returns a package and the packages of this repository that it depends on. */
function withDependencies(name: string): string[] {
  const own = Object.keys(published.get(name)?.manifest.dependencies ?? {}).filter((one) =>
    published.has(one),
  )
  return [...new Set([name, ...own.flatMap(withDependencies)])].sort()
}

/** Makes an empty project and installs packages from their tarballs. @returns its path */
async function project(names: readonly string[], skip: (why: string) => void): Promise<string> {
  const made = privateDirectory()
  track(made.remove)
  writeFileSync(join(made.path, 'package.json'), '{"private":true,"type":"module"}\n')
  const why = await npmInstall(
    names.map((name) => tarballs.get(name) ?? name),
    made.path,
  )
  if (why !== undefined) skip(why)
  return made.path
}

/** Runs a program in the project. @returns its last line, which is JSON */
async function runProgram(path: string, text: string): Promise<Readonly<Record<string, unknown>>> {
  writeFileSync(join(path, 'program.js'), text)
  const env = { ...process.env, TMUX: '', IAPEER_ROOT: join(path, 'root'), HOME: join(path, 'home') }
  mkdirSync(env.HOME)
  const done = await run(process.execPath, ['program.js', path], { cwd: path, env, limitMs: 30_000 })
  if (done.exitCode !== 0) throw new Error(done.stdout + done.stderr)
  return JSON.parse(done.stdout.trim().split('\n').at(-1) ?? '')
}

const require = createRequire(import.meta.url)
/** The compilers that users have. */
const TYPESCRIPT_6 = require.resolve('typescript/bin/tsc')
const TYPESCRIPT_7 = join(dirname(require.resolve('typescript-7/package.json')), 'bin', 'tsc')
const TYPES = dirname(dirname(require.resolve('@types/node/package.json')))

/** Returns the entry points of a package: `@iapeer/core`, `@iapeer/core/errors`, ... */
function entryPoints(path: string, name: string): string[] {
  const manifest = readFileSync(join(path, 'node_modules', name, 'package.json'), 'utf8')
  return Object.keys(JSON.parse(manifest).exports).map((one) => join(name, one))
}

/** Waits until the recorder in the project's root has finished. @returns the log of deaths */
async function recorded(path: string, log: string): Promise<string> {
  const state = join(path, 'root', 'state', 'canary')
  await until('the end of the recorder', () => readdirSync(state).length === 0)
  return readFileSync(join(path, log), 'utf8')
}

const libraries = [...published.keys()].filter((name) => name !== '@iapeer/cli' && name !== '@iapeer/daemon')

/** Checks the declarations of all libraries with the compiler, including those that they import. */
async function checkTypes(compiler: string, path: string, module: string, moduleResolution: string) {
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--typeRoots', TYPES, '--types', 'node']
  const args = [compiler, ...options, '--module', module, '--moduleResolution', moduleResolution, 'all.ts']
  expect(await run(process.execPath, args, { cwd: path, limitMs: 90_000 })).toMatchObject({
    exitCode: 0,
    stdout: '',
  })
}

/** Libraries that lifecycle is installed with. */
const OF_LIFECYCLE: ReadonlySet<string> = new Set(withDependencies('@iapeer/lifecycle'))

/** Whether a library is installed alone: one that is installed with lifecycle anyway only in a full run. */
const isInstalled = (name: string): boolean =>
  isFullCampaign() || name === '@iapeer/lifecycle' || !OF_LIFECYCLE.has(name)

describe('libraries, installed from their tarballs', () => {
  for (const name of libraries)
    it.runIf(isInstalled(name))(
      `${name} works, installed with its dependencies`,
      async ({ skip }) => {
        const path = await project(withDependencies(name), skip)
        const scope = join(path, 'node_modules', '@iapeer')
        expect(readdirSync(scope).map((one) => `@iapeer/${one}`)).toEqual(withDependencies(name))
        const output = await runProgram(path, LIBRARY_PROGRAMS[name] ?? '')
        if (typeof output['pid'] === 'number') {
          const socketPath = typeof output['socketPath'] === 'string' ? output['socketPath'] : join(path, 's')
          await serverAt(socketPath, output['pid']).end()
          const log = name === '@iapeer/lifecycle' ? 'root/logs/iapeer/exits.log' : 'root/exits.log'
          expect(await recorded(path, log)).toMatch(
            /cause=killed .*identity=command-bob|identity=command-bob .*cause=killed/,
          )
        } else if (name === '@iapeer/core') expect(output).toEqual({ names: ['bob'] })
        else if (name === '@iapeer/protocol')
          expect(output).toEqual({ daemon: 'undefined', title: 'iapeerd' })
        else if (name === '@iapeer/host') expect(output).toEqual({ state: 'stopped' })
        else expect(output).toEqual({ verdict: 'killed-by-signal' })
      },
      180_000,
    )

  it.runIf(isFullCampaign())(
    'have types that are valid for nodenext and for bundlers',
    async ({ skip }) => {
      const path = await project(libraries, skip)
      const imports = libraries
        .flatMap((name) => entryPoints(path, name))
        .map((one, at) => `export * as _${at} from '${one}'`)
      expect(imports.length).toBeGreaterThan(15)
      writeFileSync(join(path, 'all.ts'), `${imports.join('\n')}\n`)
      await checkTypes(TYPESCRIPT_6, path, 'nodenext', 'nodenext')
      await checkTypes(TYPESCRIPT_7, path, 'esnext', 'bundler')
    },
    240_000,
  )
})

it("iapeerd starts from the daemon's package alone, and ps shows its name", async ({ skip }) => {
  const path = await project(['@iapeer/daemon'], skip)
  expect(readdirSync(join(path, 'node_modules', '@iapeer'))).toEqual(['daemon'])
  const env = { ...process.env, IAPEER_ROOT: join(path, 'root') }
  const iapeerd = join(path, 'node_modules', '.bin', 'iapeerd')
  const done = await run(iapeerd, [], { cwd: path, env })
  const [, pid = ''] = /^iapeerd started: pid (\d+)\n$/.exec(done.stdout) ?? []
  expect({ ...done, pid }).toMatchObject({ exitCode: 0, pid: expect.stringMatching(/./) })
  const args = await run('ps', ['-o', 'args=', '-p', pid])
  expect(args.stdout.trim()).toBe(`iapeerd --root ${env.IAPEER_ROOT}`)
  process.kill(Number(pid), 'SIGTERM')
  await until('its end', async () => (await run('ps', ['-p', pid])).exitCode !== 0)
}, 120_000)
