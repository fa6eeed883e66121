import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reconcile } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import type { Verdict } from '@iapeer/forensics'
import { healLostChild, noteLeaderCgroup } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import { judgeDeath, launchPeer, listSessions, type PeerSession, readDeathRecords } from '../src/index.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const MODULE = new URL('../dist/index.js', import.meta.url).href
const REGISTRY = new URL('../../core/dist/registry.js', import.meta.url).href
const JOIN = fileURLToPath(new URL('fixtures/launch-in-cgroup.sh', import.meta.url))
const MEMORY_V1 = '/sys/fs/cgroup/memory'
const V2 = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((path) =>
  existsSync(join(path, 'cgroup.controllers')),
)

/** Creates a cgroup; undefined where that is not possible. */
function newCgroup(mount: string | undefined): string | undefined {
  if (mount === undefined) return undefined
  const path = join(mount, `iapeer-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`)
  try {
    mkdirSync(path)
    return path
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** Creates a cgroup for a test. Call it before `newRoot`: clean-up stops the peers of the root first. */
function testCgroup(mount: string | undefined): string {
  const directory = newCgroup(mount)
  if (directory === undefined) throw new Error('cannot create another cgroup')
  track(async () => {
    await until('the cgroup to be empty', () => readFileSync(join(directory, 'cgroup.procs'), 'utf8') === '')
    rmdirSync(directory)
  })
  return directory
}

function hasFeature(mount: string | undefined, file: string): boolean {
  const path = newCgroup(mount)
  if (path === undefined) return false
  const has = existsSync(join(path, file))
  rmdirSync(path)
  return has
}

const hasV1 = hasFeature(MEMORY_V1, 'memory.limit_in_bytes')
const hasV2Memory = V2 !== undefined && hasFeature(V2, 'memory.max')
const hasV2Kill = V2 !== undefined && hasFeature(V2, 'cgroup.kill')
for (const [has, what] of [
  [hasV1, 'memory limits of cgroup v1'],
  [hasV2Memory, 'memory limits of cgroup v2'],
  [hasV2Kill, 'cgroup.kill of cgroup v2'],
] as const)
  if (!has) process.stderr.write(`deaths by ${what} are not tested: this machine does not have them\n`)

async function start(made: TestRoot, command: readonly string[] = ['sleep', '1000']): Promise<PeerSession> {
  await launchPeer(made.root, await made.peer(command))
  return sessionOf(made)
}

async function sessionOf({ root }: TestRoot): Promise<PeerSession> {
  const [session] = await listSessions(root)
  if (session === undefined) throw new Error('no session runs')
  return session
}

/** Returns the pid of the guard of a session. */
function guardOf({ root }: TestRoot, { identity, gen }: PeerSession): number {
  const state = readFileSync(join(root, 'state', 'canary', `${identity}-${gen}`), 'utf8')
  const [, pid] = /^recorder=(\d+):/m.exec(state) ?? []
  if (pid === undefined) throw new Error('the session has no guard')
  return Number(pid)
}

/** Kills the server and the guard that would have recorded that. */
function killBoth(made: TestRoot, session: PeerSession): void {
  const guard = guardOf(made, session)
  process.kill(guard, 'SIGSTOP')
  process.kill(session.server.pid, 'SIGKILL')
  process.kill(guard, 'SIGKILL')
}

async function reconcileUntilRecorded(made: TestRoot): Promise<void> {
  await until('the death to be recorded', async () => {
    await reconcile(rootRecordLocation(made.root))
    return made.deaths().length > 0
  })
}

/** Waits for the death of a root, which must be the only one. @returns its verdict */
async function verdictOf({ root }: TestRoot): Promise<Verdict> {
  const sessions = await listSessions(root)
  const records = await until('the death to be recorded', async () => {
    // As the sweep does: some versions of tmux miss the exit of a child.
    for (const { server, leader } of sessions) await healLostChild(server, leader.pid)
    const found = await readDeathRecords(root)
    return found.length > 0 ? found : undefined
  })
  const [record] = records
  if (record === undefined) throw new Error('no death was recorded')
  const snapshot = record.forensics
  if (snapshot !== undefined)
    await until(
      'the snapshot',
      () => existsSync(snapshot) && readFileSync(snapshot, 'utf8').endsWith('--- end\n'),
    )
  expect(await readDeathRecords(root)).toHaveLength(1)
  // As if it were asked when late evidence can no longer be collected; until then the verdict is provisional.
  const now = new Date(Date.parse(record.ts) + 25 * 60 * 60_000)
  return (await judgeDeath(root, record, records, { now })).judged
}

/** Starts a peer whose server, guard and agent run in a cgroup; the process that launches it exits. */
async function startInCgroup(
  made: TestRoot,
  directory: string,
  command: readonly string[],
): Promise<PeerSession> {
  const program = `
    const { launchPeer } = await import(${JSON.stringify(MODULE)})
    const { listPeers } = await import(${JSON.stringify(REGISTRY)})
    const [entry] = await listPeers(${JSON.stringify(made.root)})
    await launchPeer(${JSON.stringify(made.root)}, entry)`
  await made.peer(command)
  const argv = [JOIN, directory, process.execPath, '--input-type=module', '-e', program]
  const ran = await run('sh', argv)
  if (ran.exitCode !== 0) throw new Error(`the peer was not launched: ${ran.stderr}`)
  return sessionOf(made)
}

/** Shell code that gives a program the value of its server: iapeer raises that of an agent. */
const AS_SERVER = 'echo 0 > /proc/$$/oom_score_adj'

/** Shell code that allocates 1 MiB more every few milliseconds. */
const ALLOCATE = 'x=; while :; do x="$x$(head -c 1048576 /dev/zero | tr "\\0" x)"; done'

describe('a real death by lack of memory', () => {
  it.skipIf(!hasV1)('of an agent at the limit of its cgroup (v1) is cgroup-oom', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    await startInCgroup(made, directory, [
      'sh',
      '-c',
      `until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`,
    ])
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    // The kernel may kill its server too, before the memory of the first process is free.
    expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
  })

  it.runIf(hasV1 && isFullCampaign())(
    'of an agent that the kernel chose although its child took the memory is cgroup-oom',
    async () => {
      const directory = testCgroup(MEMORY_V1)
      const made = newRoot()
      const go = join(made.path, 'go')
      const child = `until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`
      const agent = `${AS_SERVER}; sh -c "$0" & echo 1000 > /proc/$$/oom_score_adj; wait; sleep 1000`
      await startInCgroup(made, directory, ['sh', '-c', agent, child])
      writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
      writeFileSync(go, '')
      expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
      // The child goes on until SIGHUP, or until the kernel kills it too.
    },
  )

  it.runIf(hasV1 && isFullCampaign())('of a child whose agent then exited names the child', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    const child = `until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`
    await startInCgroup(made, directory, ['sh', '-c', 'sh -c "$0"; exit $?', child])
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({
      verdict: 'cgroup-oom',
      confidence: 'medium',
      summary: expect.stringMatching(/the kernel OOM killer killed (?:sh|head|tr): cgroup iapeer-test-/),
    })
  })

  it.runIf(hasV1 && isFullCampaign())(
    'in another cgroup than the server: its limit and counters are recorded too',
    async () => {
      const directory = testCgroup(MEMORY_V1)
      const made = newRoot()
      const go = join(made.path, 'go')
      const move = `echo $$ > '${directory}/cgroup.procs'`
      const session = await start(made, [
        'sh',
        '-c',
        `${move}; until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`,
      ])
      const path = directory.slice(MEMORY_V1.length)
      const file = join(made.root, 'state/canary', `${session.identity}-${session.gen}.leader-cgroup`)
      expect(readFileSync(file, 'utf8')).toContain(`\nleader_cgroup_v1=${path}\n`)
      writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
      writeFileSync(go, '')
      expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
      const [record] = await readDeathRecords(made.root)
      const snapshot = readFileSync(record?.forensics ?? '', 'utf8')
      const [, cgroup = '', baseline = ''] =
        /\n--- cgroup\n([\s\S]*)\n--- baseline\n([\s\S]*)\n--- end\n/.exec(snapshot) ?? []
      for (const part of [cgroup, baseline]) expect(part).toContain(`${path} memory.oom_control: `)
      expect(baseline).toContain(`leader_cgroup_v1=${path}`)
      await until('the files of the run to be removed', () => !existsSync(file))
    },
  )

  it.runIf(hasV1 && isFullCampaign())(
    'of a child is noted at the second check after it, so that a later death is not taken for it',
    async () => {
      const directory = testCgroup(MEMORY_V1)
      const made = newRoot()
      const go = join(made.path, 'go')
      const child = `until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`
      const move = `echo $$ > '${directory}/cgroup.procs'`
      const session = await start(made, ['sh', '-c', `${move}; sh -c "$0"; sleep 1000`, child])
      writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
      writeFileSync(go, '')
      await until('the kill', () =>
        /oom_kill [1-9]/.test(readFileSync(join(directory, 'memory.oom_control'), 'utf8')),
      )
      const state = join(made.root, 'state/canary', `${session.identity}-${session.gen}`)
      const before = `${directory.slice(MEMORY_V1.length)} memory.oom_control: oom_kill_disable 0 under_oom 0 oom_kill 0`
      const isNoted = () => !readFileSync(`${state}.leader-cgroup`, 'utf8').includes(before)
      const check = async () => [await noteLeaderCgroup(state, session.leader.pid), isNoted()]
      expect([await check(), await check(), await check()]).toEqual([
        [false, false],
        [true, true],
        [false, true],
      ])
    },
  )

  it.runIf(hasV1 && isFullCampaign())('of a server that the kernel chose is cgroup-oom', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    const allocate = `${AS_SERVER}; until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`
    const session = await startInCgroup(made, directory, ['sh', '-c', allocate])
    writeFileSync(`/proc/${session.server.pid}/oom_score_adj`, '1000')
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({
      verdict: 'cgroup-oom',
      confidence: 'high',
      summary: expect.stringContaining('the kernel OOM killer killed the tmux server'),
    })
  })

  it.skipIf(!hasV2Memory)('of an agent at the limit of its cgroup (v2) is cgroup-oom', async () => {
    const directory = testCgroup(V2)
    const made = newRoot()
    const go = join(made.path, 'go')
    await startInCgroup(made, directory, [
      'sh',
      '-c',
      `until [ -e '${go}' ]; do sleep 0.05; done; ${ALLOCATE}`,
    ])
    writeFileSync(join(directory, 'memory.max'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
  })

  it.skipIf(!hasV1)('is not cgroup-oom where a limit was reached but a signal killed it', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const { server } = await startInCgroup(made, directory, ['sleep', '1000'])
    const limit = 8 * 2 ** 20
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(limit))
    // Written pages count, and are reclaimed at the limit: no process is killed for them.
    await run('sh', [JOIN, directory, 'sh', '-c', `head -c ${4 * limit} /dev/zero > '${made.path}/big'`])
    expect(Number(readFileSync(join(directory, 'memory.failcnt'), 'utf8'))).toBeGreaterThan(0)
    process.kill(server.pid, 'SIGKILL')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'killed-by-signal', confidence: 'high' })
  })
})

describe('a real death by a signal', () => {
  it('of an unknown sender is not taken for lack of memory', async () => {
    const made = newRoot()
    const { server } = await start(made)
    process.kill(server.pid, 'SIGKILL')
    const verdict = await verdictOf(made)
    expect(verdict).toMatchObject({
      verdict: 'killed-by-signal',
      summary: 'the tmux server was killed by SIGKILL; the sender is unknown',
    })
    expect(verdict.killer).toBeUndefined()
  })

  it.each([
    ['the server', 'SIGSEGV'],
    ['the server', 'SIGABRT'],
    ['the agent', 'SIGSEGV'],
    ['the agent', 'SIGABRT'],
  ] as const)('that is a fault, %s by %s, is a crash', async (who, signal) => {
    const made = newRoot()
    const { server, leader } = await start(made)
    process.kill(who === 'the server' ? server.pid : leader.pid, signal)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'crashed', confidence: 'high' })
  })

  it('to all at once, as at a logout, is one death', async () => {
    const made = newRoot()
    const session = await start(made)
    for (const pid of [session.server.pid, session.leader.pid, guardOf(made, session)])
      process.kill(pid, 'SIGTERM')
    const { verdict } = await verdictOf(made)
    // Server or agent may die first; the guard survives SIGTERM and records the death.
    expect(['exited', 'killed-by-signal']).toContain(verdict)
  })

  it('that kills server and recorder together is recorded by the next reconcile', async () => {
    const made = newRoot()
    killBoth(made, await start(made))
    await reconcileUntilRecorded(made)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'recorder-lost' })
  })

  it.skipIf(!hasV2Kill)('that kills its whole cgroup (v2) is one record', async () => {
    const directory = testCgroup(V2)
    const made = newRoot()
    await startInCgroup(made, directory, ['sleep', '1000'])
    writeFileSync(join(directory, 'cgroup.kill'), '1')
    await reconcileUntilRecorded(made)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'recorder-lost' })
  })
})

describe('a real death of another kind', () => {
  it('by a tmux command of a script names the command and the script', async () => {
    const made = newRoot()
    const { socketPath } = await start(made)
    const script = join(made.path, 'cleanup.sh')
    writeFileSync(script, `tmux -S '${socketPath}' kill-server\nexit 0\n`)
    await run('sh', ['-c', `sh '${script}'; :`])
    const verdict = await verdictOf(made)
    expect(verdict).toMatchObject({
      verdict: 'killed-by-command',
      confidence: 'high',
      killer: { command: expect.stringContaining('kill-server') },
    })
    expect(verdict.killer?.ancestors[0]?.command).toContain('cleanup.sh')
  })

  it.runIf(isFullCampaign())('of an agent that fails includes the last line of its output', async () => {
    const made = newRoot()
    await start(made, ['sh', '-c', 'sleep 0.3; echo "error: no such model"; exit 1'])
    const verdict = await verdictOf(made)
    expect(verdict).toMatchObject({ verdict: 'agent-failed', confidence: 'high' })
    expect(verdict.evidence).toContainEqual({
      section: 'pane-tail',
      fact: 'its last output: error: no such model',
    })
  })

  it('of an agent that exits with code 0 is agent-exited', async () => {
    const made = newRoot()
    await start(made, ['sh', '-c', 'sleep 2; exit 0'])
    expect(await verdictOf(made)).toMatchObject({ verdict: 'agent-exited', confidence: 'high' })
  })

  it('of a tmux server that aborts itself is tmux-failed', async () => {
    const made = newRoot()
    const go = join(made.path, 'go')
    const { server } = await start(made, [
      'sh',
      '-c',
      `until [ -e '${go}' ]; do sleep 0.05; done; seq 1 9999999`,
    ])
    // A tmux server that cannot allocate memory exits (xmalloc calls fatal).
    const [, kib = '0'] =
      /^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? []
    const limit = (Number(kib) + 200) * 1_024
    expect((await run('prlimit', [`--pid=${server.pid}`, `--as=${limit}`])).exitCode).toBe(0)
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'tmux-failed', confidence: 'high' })
  })

  it('by a reboot of the host is host-reboot', async () => {
    const made = newRoot()
    const session = await start(made)
    killBoth(made, session)
    const state = join(made.root, 'state', 'canary', `${session.identity}-${session.gen}`)
    const text = readFileSync(state, 'utf8')
    writeFileSync(state, text.replace(/^boot=.*$/m, 'boot=11111111-2222-3333-4444-555555555555/24'))
    await reconcileUntilRecorded(made)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'host-reboot', confidence: 'high' })
  })
})
