import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { run, until } from '@iapeer/dev/testing'
import { expect } from 'vitest'
import { findTmux, findTool } from '../src/process/spawn.ts'
import { GEN, guardedBy, IDENTITY, type ShellRecorder } from './by-shell.ts'
import { drives, type TracedRoot } from './states.ts'
import { deathOf } from './support.ts'

const KEY = `${IDENTITY}-${GEN}`
const { scenario, complete } = drives(['witness'])

interface Watched extends ShellRecorder {
  readonly statePath: string
  /** Runs the witness of a kill command; returns before its checker. */
  readonly witness: () => Promise<void>
  /** Connects a client that is not attached, like the client of a kill command. */
  readonly connect: () => Promise<void>
  readonly witnessText: () => string | undefined
}

async function server(traced: TracedRoot): Promise<Watched> {
  const bob = await guardedBy({ root: traced.root, shell: ['/bin/sh'], prepare: traced.prepare })
  const { canaryDir, libDir, deathsDir } = recordLayout(bob)
  const statePath = join(canaryDir, KEY)
  const path = join(deathsDir, `${KEY}.witness`)
  // The commands kill the server, and the client exits with it.
  traced.root.track(bob.server.end)
  return {
    ...bob,
    statePath,
    witness: async () => {
      const { exitCode, stdout, stderr } = await run(
        '/bin/sh',
        [join(libDir, 'scripts', 'witness.sh'), statePath, 'kill-server'],
        { cwd: traced.root.path },
      )
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    },
    connect: async () => {
      const client = spawn(findTmux(), ['-S', bob.server.socketPath, 'wait-for', 'a-kill-command'], {
        cwd: traced.root.path,
        stdio: 'ignore',
      })
      traced.root.track(() => client.kill('SIGKILL'))
      const connected = async (): Promise<boolean> =>
        (await run('ss', ['-xpH', 'state', 'established'])).stdout.includes(`pid=${client.pid},`)
      await until('the client to connect', connected)
    },
    witnessText: () => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
  }
}

/** Makes a PATH for the witness without some of this system's tools, or with one that hangs. */
function withTools(of: Watched, { without = '', hanging = '' }): void {
  const bin = join(of.root.path, 'bin')
  mkdirSync(bin)
  const tools = ['date', 'kill', 'mv', 'ps', 'readlink', 'rm', 'sed', 'setsid', 'sh', 'sleep', 'ss', 'tr']
  for (const tool of tools.filter((one) => one !== without && one !== hanging)) {
    const path = findTool(tool)
    if (path !== undefined) symlinkSync(path, join(bin, tool))
  }
  if (hanging !== '') writeFileSync(join(bin, hanging), '#!/bin/sh\nexec sleep 3\n', { mode: 0o700 })
  writeFileSync(of.statePath, readFileSync(of.statePath, 'utf8').replace(/^path=.*$/m, `path=${bin}`))
}

/** Runs the command again if the witness reached its time limit before it found a name, as on a busy host. */
async function named(of: Watched, witness: RegExp): Promise<void> {
  let witnessText: string | undefined
  for (let tries = 0; tries < 8; tries++) {
    await of.witness()
    witnessText = of.witnessText()
    if (witnessText !== undefined && witness.test(witnessText)) return
  }
  expect(witnessText).toMatch(witness)
}

const kill = async (of: Watched): Promise<void> => {
  await of.server.tmux('kill-server')
  await of.server.gone()
}

scenario(['witness asked no-state'], 'a server without a guard has no witness', async (traced) => {
  const bob = await server(traced)
  const state = readFileSync(bob.statePath)
  const path = join(traced.root.path, 'none')
  const lib = join(recordLayout(bob).libDir, 'scripts')
  expect((await run('/bin/sh', [join(lib, 'witness.sh'), path, 'kill-server'])).exitCode).toBe(0)
  expect(bob.witnessText()).toBeUndefined()
  expect(readFileSync(bob.statePath)).toEqual(state)
})

scenario(
  ['witness asked intended', 'witness checking not-ours'],
  'a declared stop has no witness',
  async (traced) => {
    const bob = await server(traced)
    const intent = join(recordLayout(bob).intentDir, KEY)
    writeFileSync(intent, 'state=done\ndeclarer=4194300:1\nby=test\nwhy=stop\n')
    await bob.witness()
    expect(bob.witnessText()).toBeUndefined()
  },
)

scenario(
  ['witness asked seen', 'witness naming by-connection', 'witness checking server-gone'],
  'the client of the command is named, and the witness stays if the server dies',
  async (traced) => {
    const bob = await server(traced)
    await bob.connect()
    await named(bob, / confidence=high via=connection\nprocess pid=\d+ depth=0 /)
    await kill(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
    await traced.met('witness checking server-gone')
  },
)

scenario(
  ['witness naming by-key', 'witness checking server-lives'],
  'a command without a client comes from a key; if the server survives, the witness is removed',
  async (traced) => {
    const bob = await server(traced)
    await named(bob, / confidence=low via=key\n/)
    await traced.met('witness checking server-lives')
    await until('the witness to be removed', () => bob.witnessText() === undefined)
  },
)

scenario(
  ['witness naming by-candidates'],
  'without `ss` every client is listed at low confidence',
  async (traced) => {
    const bob = await server(traced)
    await bob.connect()
    withTools(bob, { without: 'ss' })
    await named(bob, / confidence=low via=candidates\nprocess pid=\d+ depth=0 /)
    await traced.met('witness checking server-lives')
  },
)

scenario(
  ['witness naming time-over'],
  'the command is not delayed for more than a second',
  async (traced) => {
    const bob = await server(traced)
    await bob.connect()
    withTools(bob, { hanging: 'readlink' })
    await bob.witness()
    expect(bob.witnessText()).toMatch(/ confidence=low via=none\n$/)
    await traced.met('witness checking server-lives')
  },
)

scenario(
  ['witness checking leader-missing'],
  'the witness stays if the command removed the leader and the server survives',
  async (traced) => {
    const bob = await server(traced)
    writeFileSync(`${bob.statePath}.leader`, '4194300\n')
    await bob.witness()
    await traced.met('witness checking leader-missing')
    expect(bob.witnessText()).toMatch(/^witness ts_ms=/)
  },
)

complete()
