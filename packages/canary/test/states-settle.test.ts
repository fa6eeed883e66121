import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { type ProcessId, readBoot } from '@iapeer/core/process'
import { run } from '@iapeer/dev/testing'
import { expect } from 'vitest'
import { scriptEnv } from '../src/process/spawn.ts'
import { generationInputs } from '../src/records/settle.ts'
import { GEN, guardedBy, IDENTITY, type ShellRecorder } from './by-shell.ts'
import { drives, type TracedRoot } from './states.ts'
import { claimOf, deathOf, exits, expectSilence, killRecorder, lifecycle, recordOf } from './support.ts'

const KEY = `${IDENTITY}-${GEN}`
const DEAD = '4194300:1'
const TS = 1_781_106_127_113
const CLAIM = `rc=139,ev=server,rec=${DEAD},ts=${TS},m=g`
const { scenario, complete } = drives(['settle'])

interface Dead extends ShellRecorder {
  readonly serverId: ProcessId
  readonly recorderId: ProcessId
  readonly paths: {
    readonly state: string
    readonly intent: string
    readonly claim: string
    readonly deaths: string
  }
}

/** Kills the recorder of a generation, then its server. */
async function dead(traced: TracedRoot, { serverToo = true } = {}): Promise<Dead> {
  const bob = await guardedBy({ root: traced.root, shell: ['/bin/sh'], prepare: traced.prepare })
  const record = recordOf(bob)
  if (record === undefined) throw new Error('no record')
  await killRecorder(bob)
  if (serverToo) {
    bob.server.kill('SIGKILL')
    await bob.server.gone()
  }
  const { canaryDir, intentDir, deathsDir } = recordLayout(bob)
  const paths = {
    state: join(canaryDir, KEY),
    intent: join(intentDir, KEY),
    claim: join(deathsDir, `${KEY}.claim`),
    deaths: deathsDir,
  }
  return { ...bob, serverId: record.server, recorderId: record.recorder, paths }
}

/** This process, which is running. */
async function thisProcess(): Promise<string> {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  return `${process.pid}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
}

/** Returns the output and the exit code of settle.sh. */
async function settle(of: Dead, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const layout = recordLayout(of)
  const lib = join(layout.libDir, 'scripts')
  const generation = {
    identity: IDENTITY,
    gen: GEN,
    server: of.serverId,
    recorder: of.recorderId,
    boot: await readBoot(),
  }
  const inputs = scriptEnv({ ...generationInputs(layout, generation, lib), ...env })
  const result = await run('/bin/sh', [join(lib, 'settle.sh')], { env: inputs })
  return `${result.stdout.trim()} ${result.exitCode}`
}

/** Settles a generation that a scenario did not settle. */
async function finish(of: Dead): Promise<void> {
  expect(await settle(of)).toMatch(/^(recorded|completed|settled) 0$/)
  await deathOf(of)
}

scenario(['settle looking recorder-lives'], 'a running recorder is not disturbed', async (traced) => {
  const bob = await dead(traced)
  expect(await settle(bob, { IAPEER_RECORDER: await thisProcess() })).toBe('busy 3')
  await finish(bob)
})

scenario(['settle looking server-lives'], 'a running server has no death', async (traced) => {
  const bob = await dead(traced, { serverToo: false })
  expect(await settle(bob)).toBe('alive 3')
  bob.server.kill('SIGKILL')
  await bob.server.gone()
  await finish(bob)
})

scenario(['settle looking server-unknown'], 'unknown is not gone', async (traced) => {
  const bob = await dead(traced)
  expect(await settle(bob, { IAPEER_SERVER: 'unknown:unknown' })).toBe('unknown 3')
  await finish(bob)
})

scenario(
  ['settle looking gone', 'settle deciding unclaimed', 'settle claiming recorded'],
  'a death that no recorder noted is recorder-lost',
  async (traced) => {
    const bob = await dead(traced)
    expect(await settle(bob)).toBe('recorded 0')
    expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost', mode: 'none' })
  },
)

scenario(
  ['settle looking other-boot', 'settle claiming recorded'],
  'after a reboot it is host-reboot',
  async (traced) => {
    const bob = await dead(traced)
    expect(await settle(bob, { IAPEER_BOOT: '00000000-0000-0000-0000-000000000000/1' })).toBe('recorded 0')
    expect(await deathOf(bob)).toMatchObject({ cause: 'host-reboot' })
  },
)

const intent = (state: string, declarer: string): string =>
  `state=${state}\ndeclarer=${declarer}\nby=test\nwhy=stop\n`

scenario(['settle claiming intent-done'], 'a completed stop is not recorded', async (traced) => {
  const bob = await dead(traced)
  writeFileSync(bob.paths.intent, intent('done', DEAD))
  expect(await settle(bob)).toBe('silent 0')
  await expectSilence(bob)
})

scenario(['settle claiming intent-pending'], 'a pending stop is left to its declarer', async (traced) => {
  const bob = await dead(traced)
  writeFileSync(bob.paths.intent, intent('pending', await thisProcess()))
  expect(await settle(bob)).toBe('pending 3')
  rmSync(bob.paths.intent)
  await finish(bob)
})

scenario(
  ['settle claiming intent-abandoned', 'settle claiming recorded'],
  'the intent of a dead declarer does not count',
  async (traced) => {
    const bob = await dead(traced)
    writeFileSync(bob.paths.intent, intent('pending', DEAD))
    expect(await settle(bob)).toBe('recorded 0')
    expect(lifecycle(bob.recordDir)).toMatchObject([{ state: 'intent-withdrawn', origin: 'settle' }])
    await deathOf(bob)
  },
)

scenario(
  ['settle claiming state-gone'],
  'a generation that was settled in the meantime is not settled again',
  async (traced) => {
    const bob = await dead(traced)
    const state = readFileSync(bob.paths.state)
    rmSync(bob.paths.state)
    expect(await settle(bob)).toBe('settled 0')
    expect(exits(bob.recordDir)).toEqual([])
    writeFileSync(bob.paths.state, state)
    await finish(bob)
  },
)

scenario(
  ['settle deciding unclaimed', 'settle claiming taken', 'settle completing completed'],
  'a claim that is created during settling is completed',
  async (traced) => {
    const bob = await dead(traced)
    // Reading the intent blocks until this test has created the claim.
    expect((await run('mkfifo', [bob.paths.intent])).exitCode).toBe(0)
    const settling = settle(bob)
    const writer = await open(bob.paths.intent, 'w')
    writeFileSync(bob.paths.claim, `${CLAIM}\n`)
    await writer.write(intent('withdrawn', DEAD))
    await writer.close()
    expect(await settling).toBe('completed 0')
    expect(await deathOf(bob)).toMatchObject({ cause: 'crashed', signal: 'SIGSEGV' })
  },
)

async function markElsewhere(of: Dead): Promise<void> {
  const [boot = ''] = (await readBoot()).split(/[-/]/)
  const { pid, token } = of.serverId
  writeFileSync(
    join(of.paths.deaths, `${boot}-${pid}-${token}.server`),
    'claude-ann-00000000000000a1 server 1781106127\n',
  )
}

scenario(['settle claiming elsewhere'], 'a server with two identities has one death', async (traced) => {
  const bob = await dead(traced)
  await markElsewhere(bob)
  expect(await settle(bob)).toBe('settled 0')
  await expectSilence(bob)
  expect(lifecycle(bob.recordDir)).toMatchObject([{ state: 'recorded-elsewhere' }])
})

scenario(
  ['settle claiming unwritable'],
  'a death that cannot be claimed now is claimed by a later call',
  async (traced) => {
    const bob = await dead(traced)
    rmdirSync(bob.paths.deaths)
    writeFileSync(bob.paths.deaths, '')
    expect(await settle(bob)).toBe('unwritable 1')
    rmSync(bob.paths.deaths)
    await finish(bob)
  },
)

scenario(
  ['settle deciding claimed', 'settle completing session-claimed'],
  'a claim of the exit hook is finished by the hook of this generation',
  async (traced) => {
    const bob = await dead(traced)
    writeFileSync(bob.paths.claim, `rc=3,ev=session,rec=${DEAD},ts=${TS}\n`)
    writeFileSync(join(traced.root.path, 'hook.sh'), 'rm -f "$1" "$1".*; echo completed\n')
    symlinkSync(join(traced.root.path, 'hook.sh'), `${bob.paths.state}.hook`)
    expect(await settle(bob)).toBe('completed 0')
    expect(existsSync(bob.paths.state)).toBe(false)
  },
)

scenario(
  ['settle completing young'],
  'a young claim without facts is left to its recorder',
  async (traced) => {
    const bob = await dead(traced)
    writeFileSync(bob.paths.claim, '')
    expect(await settle(bob, { IAPEER_CLAIM_MS: String(Date.now()) })).toBe('busy 3')
    expect(claimOf(bob)).toBe('')
    // Once the claim is old, its mtime is the time of death.
    expect(await settle(bob, { IAPEER_CLAIM_MS: String(TS) })).toBe('completed 0')
    const [line] = exits(bob.recordDir)
    expect(line).toMatchObject({ cause: 'unknown', ts: new Date(TS).toISOString() })
  },
)

scenario(
  ['settle completing recorder-lives'],
  'a running recorder completes its claim itself',
  async (traced) => {
    const bob = await dead(traced)
    writeFileSync(bob.paths.claim, `${CLAIM.replace(DEAD, await thisProcess())}\n`)
    expect(await settle(bob)).toBe('busy 3')
    writeFileSync(bob.paths.claim, `${CLAIM}\n`)
    await finish(bob)
  },
)

scenario(['settle completing elsewhere'], 'a second claim of one server is removed', async (traced) => {
  const bob = await dead(traced)
  await markElsewhere(bob)
  writeFileSync(bob.paths.claim, `${CLAIM}\n`)
  expect(await settle(bob)).toBe('settled 0')
  await expectSilence(bob)
})

scenario(
  ['settle completing completed', 'settle completing whole'],
  'a claim is completed with its facts, once',
  async (traced) => {
    const bob = await dead(traced)
    writeFileSync(bob.paths.claim, `${CLAIM}\n`)
    expect(await settle(bob)).toBe('completed 0')
    expect(await deathOf(bob)).toMatchObject({ cause: 'crashed', ts: new Date(TS).toISOString() })
    expect(await settle(bob)).toBe('settled 0')
    expect(exits(bob.recordDir)).toHaveLength(1)
  },
)

scenario(['settle completing taken'], 'only one process completes a claim', async (traced) => {
  const bob = await dead(traced)
  writeFileSync(bob.paths.claim, `${CLAIM}\n`)
  symlinkSync(await thisProcess(), `${bob.paths.claim}.takeover1`)
  expect(await settle(bob)).toBe('busy 3')
  rmSync(`${bob.paths.claim}.takeover1`)
  await finish(bob)
})

scenario(
  ['settle completing unwritable'],
  'a line that cannot be written is written by a later call',
  async (traced) => {
    const bob = await dead(traced)
    writeFileSync(bob.paths.claim, `${CLAIM}\n`)
    mkdirSync(join(bob.recordDir, 'exits.log'))
    expect(await settle(bob)).toBe('unwritable 1')
    rmdirSync(join(bob.recordDir, 'exits.log'))
    await finish(bob)
  },
)

complete()
