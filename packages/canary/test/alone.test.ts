import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import * as canary from '../src/index.ts'
import { exits, roots } from './support.ts'

const newRoot = roots()
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

/** Returns the program in the README between ```ts and ```, which users copy. */
function readmeProgram(): string {
  const [, program] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot, 'README.md'), 'utf8')) ?? []
  if (program === undefined) throw new Error('the README has no ```ts program')
  return program
}

async function must(file: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env) {
  const done = await run(file, args, { cwd, env, limitMs: 90_000 })
  if (done.exitCode !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
  return done
}

it.runIf(isFullCampaign())(
  'the packed package works alone: installed with npm in an empty directory, it type-checks and records a killed server',
  async () => {
    const root = newRoot()
    const app = join(root.path, 'app')
    mkdirSync(app)
    await must('npm', ['pack', '--silent', '--pack-destination', root.path], packageRoot)
    const tarball = join(root.path, readdirSync(root.path).find((name) => name.endsWith('.tgz')) ?? '')
    expect(statSync(tarball).size).toBeLessThan(120_000)

    writeFileSync(join(app, 'package.json'), '{"private":true,"type":"module"}\n')
    const npmEnv = { ...process.env, npm_config_cache: join(root.path, 'npm-cache') }
    await must('npm', ['install', '--offline', '--no-audit', '--no-fund', '--silent', tarball], app, npmEnv)
    expect(readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      '@iapeer',
    ])
    expect(readdirSync(join(app, 'node_modules', '@iapeer'))).toEqual(['canary'])

    const program = readmeProgram()
    expect(program.trim().split('\n').length).toBeLessThanOrEqual(12)
    writeFileSync(join(app, 'watch.ts'), program)
    const require = createRequire(import.meta.url)
    const typeRoots = dirname(dirname(require.resolve('@types/node/package.json')))
    const tsc = (...args: string[]) =>
      must(process.execPath, [require.resolve('typescript/bin/tsc'), ...args, 'watch.ts'], app)
    const options = ['--strict', '--target', 'es2022', '--typeRoots', typeRoots, '--types', 'node']
    // Node 20 has no type stripping, so the program is compiled; tsc checks its types as well, for nodenext. dev checks them for bundlers.
    await tsc(...options, '--module', 'nodenext', '--outDir', '.')
    const server = await root.server()
    const running = must(process.execPath, ['watch.js', server.socketPath, root.recordDir], app)
    const lifecycleLog = join(root.recordDir, 'lifecycle.log')
    await until(
      'the watch',
      () => existsSync(lifecycleLog) && readFileSync(lifecycleLog, 'utf8').includes('state=spawned'),
    )
    server.kill('SIGKILL')
    expect((await running).stdout).toMatch(/spawned[\s\S]*work-main died: server-vanished, see \//)
    await until('the record', () => exits(root.recordDir).length > 0)
    expect(exits(root.recordDir)).toEqual([
      expect.objectContaining({ cause: 'server-vanished', server_pid: String(server.pid) }),
    ])
    await until(
      'the exit of the recorder',
      () => readdirSync(join(root.recordDir, 'state', 'canary')).length === 0,
    )

    const bin = await must(
      join(app, 'node_modules', '.bin', 'iapeer-canary'),
      ['deaths', '--record-dir', root.recordDir],
      app,
    )
    expect(bin.stdout).toMatch(/server-vanished/)
  },
  120_000,
)

it('the published package names no dependency', () => {
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  expect(manifest).not.toHaveProperty('dependencies')
  expect(manifest).not.toHaveProperty('peerDependencies')
})

it('the exported names are a contract', () => {
  expect(Object.keys(canary).sort()).toMatchSnapshot()
})
