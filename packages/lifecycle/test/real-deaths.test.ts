import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reconcile } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { run, until } from '@iapeer/dev/testing'
import type { Verdict } from '@iapeer/forensics'
import { healLostChild } from '@iapeer/tmux'
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

/** A cgroup of a test's own; undefined where none can be made. */
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

/** For a test, before its root: what runs in it is ended first. */
function testCgroup(mount: string | undefined): string {
  const directory = newCgroup(mount)
  if (directory === undefined) throw new Error('no cgroup can be made any more')
  track(async () => {
    await until('its cgroup to be empty', () => readFileSync(join(directory, 'cgroup.procs'), 'utf8') === '')
    rmdirSync(directory)
  })
  return directory
}

function possible(mount: string | undefined, needs: string): boolean {
  const path = newCgroup(mount)
  if (path === undefined) return false
  const has = existsSync(join(path, needs))
  rmdirSync(path)
  return has
}

const hasV1 = possible(MEMORY_V1, 'memory.limit_in_bytes')
const hasV2Memory = V2 !== undefined && possible(V2, 'memory.max')
const hasV2Kill = V2 !== undefined && possible(V2, 'cgroup.kill')
for (const [has, what] of [
  [hasV1, 'memory limits of cgroup v1'],
  [hasV2Memory, 'memory limits of cgroup v2'],
  [hasV2Kill, 'cgroup.kill of cgroup v2'],
] as const)
  if (!has) process.stderr.write(`deaths by ${what} are not tried for real: this machine has none to give\n`)

async function up(made: TestRoot, command: readonly string[] = ['sleep', '1000']): Promise<PeerSession> {
  await launchPeer(made.root, await made.peer(command))
  return sessionOf(made)
}

async function sessionOf({ root }: TestRoot): Promise<PeerSession> {
  const [session] = await listSessions(root)
  if (session === undefined) throw new Error('nothing runs')
  return session
}

/** The pid of its guard. */
function guardOf({ root }: TestRoot, { identity, gen }: PeerSession): number {
  const state = readFileSync(join(root, 'state', 'canary', `${identity}-${gen}`), 'utf8')
  const [, pid] = /^recorder=(\d+):/m.exec(state) ?? []
  if (pid === undefined) throw new Error('it has no guard')
  return Number(pid)
}

/** Ends the server with the guard that would have told. */
function killBoth(made: TestRoot, session: PeerSession): void {
  const guard = guardOf(made, session)
  process.kill(guard, 'SIGSTOP')
  process.kill(session.server.pid, 'SIGKILL')
  process.kill(guard, 'SIGKILL')
}

async function noticed(made: TestRoot): Promise<void> {
  await until('it to be noticed', async () => {
    await reconcile(rootRecordLocation(made.root))
    return made.deaths().length > 0
  })
}

/** What is found of the one death of a root; nothing else may have been recorded. */
async function verdictOf({ root }: TestRoot): Promise<Verdict> {
  const sessions = await listSessions(root)
  const records = await until('its death to be recorded', async () => {
    // As the sweep does: some versions of tmux lose the end of a child.
    for (const { server, leader } of sessions) await healLostChild(server, leader.pid)
    const found = await readDeathRecords(root)
    return found.length > 0 ? found : undefined
  })
  const [record] = records
  if (record === undefined) throw new Error('nobody died')
  const snapshot = record.forensics
  if (snapshot !== undefined)
    await until(
      'its snapshot',
      () => existsSync(snapshot) && readFileSync(snapshot, 'utf8').endsWith('--- end\n'),
    )
  expect(await readDeathRecords(root)).toHaveLength(1)
  return (await judgeDeath(root, record, records)).judged
}

/** A peer whose server, guard and agent are born in a cgroup: what launched it is gone by then. */
async function upInCgroup(
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
  if (ran.exitCode !== 0) throw new Error(`it was not launched: ${ran.stderr}`)
  return sessionOf(made)
}

/** Takes 1 MiB more every few milliseconds, in itself or (`child`) in a process of its own. */
const EAT = 'x=; while :; do x="$x$(head -c 1048576 /dev/zero | tr "\\0" x)"; done'

describe('a real death by memory', () => {
  it.skipIf(!hasV1)('of an agent at the limit of its cgroup (v1) is one', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    await upInCgroup(made, directory, ['sh', '-c', `until [ -e '${go}' ]; do sleep 0.05; done; ${EAT}`])
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    // Its server may be next, before the first one has given its memory back.
    expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
  })

  it.skipIf(!hasV1)('of an agent that was chosen when a child of it took the memory is one', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    const child = `until [ -e '${go}' ]; do sleep 0.05; done; ${EAT}`
    const agent = `sh -c "$0" & echo 1000 > /proc/$$/oom_score_adj; wait; sleep 1000`
    await upInCgroup(made, directory, ['sh', '-c', agent, child])
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
    // The child goes on until it is hung up, or killed too.
  })

  it.skipIf(!hasV1)('of a child, by which its agent ended too, is told with the child', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    const child = `until [ -e '${go}' ]; do sleep 0.05; done; ${EAT}`
    await upInCgroup(made, directory, ['sh', '-c', 'sh -c "$0"; exit $?', child])
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({
      verdict: 'cgroup-oom',
      confidence: 'medium',
      summary: expect.stringMatching(/the kernel OOM killer killed (?:sh|head|tr): cgroup iapeer-test-/),
    })
  })

  it.skipIf(!hasV1)('of a server that the kernel chose is one', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const go = join(made.path, 'go')
    const eat = `until [ -e '${go}' ]; do sleep 0.05; done; ${EAT}`
    const session = await upInCgroup(made, directory, ['sh', '-c', eat])
    writeFileSync(`/proc/${session.server.pid}/oom_score_adj`, '1000')
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({
      verdict: 'cgroup-oom',
      confidence: 'high',
      summary: expect.stringContaining('the kernel OOM killer killed the tmux server'),
    })
  })

  it.skipIf(!hasV2Memory)('of an agent at the limit of its cgroup (v2) is one', async () => {
    const directory = testCgroup(V2)
    const made = newRoot()
    const go = join(made.path, 'go')
    await upInCgroup(made, directory, ['sh', '-c', `until [ -e '${go}' ]; do sleep 0.05; done; ${EAT}`])
    writeFileSync(join(directory, 'memory.max'), String(40 * 2 ** 20))
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'cgroup-oom', confidence: 'high' })
  })

  it.skipIf(!hasV1)('is none where a limit was reached, and somebody else killed it', async () => {
    const directory = testCgroup(MEMORY_V1)
    const made = newRoot()
    const { server } = await upInCgroup(made, directory, ['sleep', '1000'])
    const limit = 8 * 2 ** 20
    writeFileSync(join(directory, 'memory.limit_in_bytes'), String(limit))
    // Written pages count, and are given back at the limit: nobody is killed for them.
    await run('sh', [JOIN, directory, 'sh', '-c', `head -c ${4 * limit} /dev/zero > '${made.path}/big'`])
    expect(Number(readFileSync(join(directory, 'memory.failcnt'), 'utf8'))).toBeGreaterThan(0)
    process.kill(server.pid, 'SIGKILL')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'killed-by-signal', confidence: 'high' })
  })
})

describe('a real death by a signal', () => {
  it('of unknown sender is no lack of memory', async () => {
    const made = newRoot()
    const { server } = await up(made)
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
    const { server, leader } = await up(made)
    process.kill(who === 'the server' ? server.pid : leader.pid, signal)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'crashed', confidence: 'high' })
  })

  it('to all at once, as at a logout, is one death, told as far as it is known', async () => {
    const made = newRoot()
    const session = await up(made)
    for (const pid of [session.server.pid, session.leader.pid, guardOf(made, session)])
      process.kill(pid, 'SIGTERM')
    const { verdict } = await verdictOf(made)
    // Whichever of the two ends first: the guard outlives a SIGTERM, and tells.
    expect(['exited', 'killed-by-signal']).toContain(verdict)
  })

  it('that takes server and recorder together is told when somebody looks', async () => {
    const made = newRoot()
    killBoth(made, await up(made))
    await noticed(made)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'recorder-lost' })
  })

  it.skipIf(!hasV2Kill)('that takes its whole cgroup (v2) is one true record', async () => {
    const directory = testCgroup(V2)
    const made = newRoot()
    await upInCgroup(made, directory, ['sleep', '1000'])
    writeFileSync(join(directory, 'cgroup.kill'), '1')
    await noticed(made)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'recorder-lost' })
  })
})

describe('a real death of another kind', () => {
  it('by a tmux command of a script names the script, and who started it', async () => {
    const made = newRoot()
    const { socketPath } = await up(made)
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

  it('of an agent that fails includes the last line of its output', async () => {
    const made = newRoot()
    await up(made, ['sh', '-c', 'sleep 0.3; echo "error: no such model"; exit 1'])
    const verdict = await verdictOf(made)
    expect(verdict).toMatchObject({ verdict: 'agent-failed', confidence: 'high' })
    expect(verdict.evidence).toContainEqual({
      section: 'pane-tail',
      fact: 'its last output: error: no such model',
    })
  })

  it('of an agent that is done is that', async () => {
    const made = newRoot()
    await up(made, ['sh', '-c', 'sleep 0.3; exit 0'])
    expect(await verdictOf(made)).toMatchObject({ verdict: 'agent-exited', confidence: 'high' })
  })

  it('by tmux giving up is told as that', async () => {
    const made = newRoot()
    const go = join(made.path, 'go')
    const { server } = await up(made, [
      'sh',
      '-c',
      `until [ -e '${go}' ]; do sleep 0.05; done; seq 1 9999999`,
    ])
    // A server that can have no more memory ends itself (xmalloc in tmux is fatal).
    const [, kib = '0'] =
      /^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? []
    const limit = (Number(kib) + 200) * 1_024
    expect((await run('prlimit', [`--pid=${server.pid}`, `--as=${limit}`])).exitCode).toBe(0)
    writeFileSync(go, '')
    expect(await verdictOf(made)).toMatchObject({ verdict: 'tmux-failed', confidence: 'high' })
  })

  it('by a restart of the host is that', async () => {
    const made = newRoot()
    const session = await up(made)
    killBoth(made, session)
    const state = join(made.root, 'state', 'canary', `${session.identity}-${session.gen}`)
    const text = readFileSync(state, 'utf8')
    writeFileSync(state, text.replace(/^boot=.*$/m, 'boot=11111111-2222-3333-4444-555555555555/24'))
    await noticed(made)
    expect(await verdictOf(made)).toMatchObject({ verdict: 'host-reboot', confidence: 'high' })
  })
})
