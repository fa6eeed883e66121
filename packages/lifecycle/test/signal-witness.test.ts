import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { mountTracefs, privateDirectory, run, until } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { cleanCommand } from '../src/deaths/signals/clean-command.ts'
import { describeSender } from '../src/deaths/signals/describe-sender.ts'
import { KeptWitness } from '../src/deaths/signals/keep-witness.ts'
import { SignalMemory } from '../src/deaths/signals/signal-memory.ts'
import { type SignalWitness, witnessSignals } from '../src/deaths/signals/signal-witness.ts'
import { parseTraceLine } from '../src/deaths/signals/trace-line.ts'
import { staleTraceInstance, tracefsMounts } from '../src/deaths/signals/tracefs.ts'
import {
  createEventLog,
  deathView,
  FleetSupervisor,
  launchPeer,
  listSessions,
  readDeathRecords,
  readEvents,
} from '../src/index.ts'
import { roots } from './support.ts'

const tracefs = await mountTracefs()
const why = typeof tracefs === 'string' ? tracefs : undefined
if (why !== undefined) process.stderr.write(`the signal witness is not tested with a real trace: ${why}\n`)
const instances = typeof tracefs === 'string' ? '' : join(tracefs.path, 'instances')
afterAll(async () => {
  if (typeof tracefs !== 'string') await tracefs.remove()
})

const { track, newRoot } = roots()
const MINUTE = 60_000
const around = () => ({ fromMs: Date.now() - MINUTE, toMs: Date.now() + MINUTE })
const ownInstances = (): string[] => readdirSync(instances).filter((name) => name.startsWith('iapeer-'))

describe('a line of the trace', () => {
  it('names sender, signal and target, for any process name', () => {
    const line =
      '            kill-2756    (   2756) [000] d..1. 33499.034369: signal_generate: sig=9 errno=0 code=0 comm=sleep pid=2755 grp=1 res=0'
    expect(parseTraceLine(line)).toEqual({
      senderPid: 2756,
      senderTask: 2756,
      senderComm: 'kill',
      targetPid: 2755,
      targetComm: 'sleep',
      signal: 'SIGKILL',
      byKernel: false,
      seconds: 33499.034369,
    })
    const odd =
      ' tmux: server-1-7 (-------) [011] dN.2. 9.000001: signal_generate: sig=15 errno=0 code=128 comm=a b) pid=4 pid=812 grp=1 res=0'
    expect(parseTraceLine(odd)).toMatchObject({
      senderPid: undefined,
      senderTask: 7,
      senderComm: 'tmux: server-1',
      targetPid: 812,
      targetComm: 'a b) pid=4',
      byKernel: true,
    })
    const thread =
      ' node-2799    (   2757) [001] d..1. 33499.184538: signal_generate: sig=9 errno=0 code=0 comm=sleep pid=2798 grp=1 res=0'
    expect(parseTraceLine(thread)).toMatchObject({ senderPid: 2757, senderTask: 2799 })
    const named =
      ' -123 [000]-26983   (  26983) [001] dN.1. 35764.009466: signal_generate: sig=9 errno=0 code=0 comm= pid=1 grp=1\r re pid=26846 grp=1 res=0'
    expect(parseTraceLine(named)).toMatchObject({ senderPid: 26983, targetPid: 26846 })
  })

  it.each([
    ['of an expired timer (SI_TIMER)', 'd..1.', -2],
    ['from an interrupt', 'dNh2.', 0],
    ['from a soft interrupt', 'd.s2.', 0],
  ])('%s does not name the task that was running', (_of, flags, code) => {
    const line = `node-27320   (  27320) [001] ${flags} 35765.861579: signal_generate: sig=9 errno=0 code=${code} comm=sh pid=27319 grp=1 res=0`
    expect(parseTraceLine(line)).toMatchObject({ byKernel: true })
  })

  it.each([0, -1, -6])('of a process (code %d) names it', (code) => {
    const line = `node-27320   (  27320) [001] dN.2. 35765.861579: signal_generate: sig=9 errno=0 code=${code} comm=sh pid=27319 grp=1 res=0`
    expect(parseTraceLine(line)).toMatchObject({ byKernel: false })
  })

  it('of any other kind is not parsed', () => {
    expect(parseTraceLine('CPU:1 [LOST 12 EVENTS]')).toBeUndefined()
    fc.assert(fc.property(fc.string(), (text) => parseTraceLine(text) === undefined))
  })
})

describe('a sender', () => {
  const comm = readFileSync('/proc/self/comm', 'utf8').trim()
  const self = { pid: process.pid, task: process.pid, comm }
  const now = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])

  it.skipIf(!existsSync('/proc/self/comm'))('is not the process that has the same pid later', () => {
    expect(describeSender({ ...self, sentAt: now() })).toMatchObject({
      command: expect.stringContaining('node'),
    })
    const startedLater = { ...self, sentAt: now() - performance.now() / 1_000 - 3_600 }
    expect(describeSender(startedLater)).toEqual({ pid: process.pid, comm, ancestors: [] })
  })

  it.skipIf(!existsSync('/proc/self/comm'))('has its parents as ancestors, but not pid 1', () => {
    const { ancestors } = describeSender({ ...self, sentAt: now() })
    expect(ancestors[0]?.pid).toBe(process.ppid)
    expect(ancestors.map(({ pid }) => pid)).not.toContain(1)
  })

  it.skipIf(!existsSync('/proc/self/comm'))('that has executed another program since has no command', () => {
    const seen = describeSender({ ...self, comm: 'cleanup', sentAt: now() })
    expect(seen.command).toBeUndefined()
    expect(seen.ancestors[0]?.pid).toBe(process.ppid)
  })

  it.skipIf(!existsSync('/proc/self/comm'))(
    'that has a title in place of its arguments has that title as its command',
    async () => {
      const script = "process.title = 'a daemon'; setInterval(() => {}, 1000); console.log('titled')"
      const child = spawn(process.execPath, ['-e', script, 'an argument'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      track(() => child.kill('SIGKILL'))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      const seen = describeSender({
        pid: child.pid ?? 0,
        task: child.pid ?? 0,
        comm: 'a daemon',
        sentAt: now(),
      })
      expect(seen.command).toBe('a daemon')
    },
  )

  it.skipIf(!existsSync('/proc/self/comm'))('whose name the kernel did not keep is read by its pid', () => {
    expect(describeSender({ ...self, comm: '<...>', sentAt: now() })).toMatchObject({
      comm,
      command: expect.any(String),
    })
  })
})

it('a flood of signals to one process does not push out those to others', () => {
  const memory = new SignalMemory('boot')
  const seconds = Number.MAX_SAFE_INTEGER
  const line = { senderTask: 0, senderPid: 0, senderComm: 'x', targetComm: 'y', seconds, byKernel: true }
  memory.note({ ...line, signal: 'SIGKILL', targetPid: 40_000_001 })
  for (let count = 0; count < 20_000; count++)
    memory.note({ ...line, signal: 'SIGTERM', targetPid: 40_000_002 })
  expect(memory.signalsTo(40_000_001, around())).toHaveLength(1)
  expect(memory.signalsTo(40_000_002, around()).length).toBeLessThan(100)
})

describe('a command as it is recorded', () => {
  it.each([
    [['bash', 'cleanup.sh', '--all'], 'bash cleanup.sh --all'],
    [['curl', '-H', 'Authorization=Bearer abc'], 'curl -H Authorization=...'],
    [['x', '--api-token', 'hunter2', 'on'], 'x --api-token ... on'],
    [['x', 'API_KEY=abc'], 'x API_KEY=...'],
    [['x', '--env', '{"API_TOKEN":"abc"}'], 'x --env {"API_TOKEN":...'],
    [['curl', '-H', 'Authorization: Bearer abc'], 'curl -H Authorization:...'],
    [['git', 'clone', 'https://ada:pw@host/x'], 'git clone https://...'],
    [['x', 'sk-1234567890abcdefghijklmnop'], 'x ...'],
    [['x', 'w'.repeat(130)], `x ${'w'.repeat(40)}...`],
  ])('hides secrets: %j', (argv, text) => {
    expect(cleanCommand(argv)).toBe(text)
  })

  it('has a limited length for any arguments', () => {
    fc.assert(fc.property(fc.array(fc.string()), (argv) => cleanCommand(argv).length < 400))
  })
})

it('tracefs is found where it is mounted, paths in /sys first', () => {
  const mounts = [
    'proc /proc proc rw 0 0',
    'nodev /mnt/a\\040b tracefs rw 0 0',
    'debugfs /sys/kernel/debug debugfs rw 0 0',
    'tracefs /sys/kernel/tracing tracefs rw 0 0',
  ].join('\n')
  expect(tracefsMounts(mounts)).toEqual(['/sys/kernel/debug/tracing', '/sys/kernel/tracing', '/mnt/a b'])
})

describe.skipIf(why !== undefined)('the signal witness', () => {
  async function witness(root: string): Promise<SignalWitness> {
    const made = await witnessSignals(root)
    track(() => made.stop())
    return made
  }

  /** Kills a process by a script with `command`, and waits until both have exited. @returns the pid of the killed process */
  async function killBy(command: string): Promise<number> {
    const directory = privateDirectory()
    track(directory.remove)
    const script = join(directory.path, 'cleanup.sh')
    writeFileSync(script, command)
    const victim = spawn('sleep', ['100'], { stdio: 'ignore' })
    const ended = new Promise((resolve) => victim.once('exit', resolve))
    await run('sh', [script, String(victim.pid)])
    await ended
    return victim.pid ?? 0
  }

  it('names the process that killed another, and the script that started it', async () => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const pid = await killBy('sleep 0.05; kill -9 "$1"; sleep 0.05')
    const [signal] = await until('the signal to be seen', () => {
      const found = seen.signalsTo(pid, around())
      return found.length > 0 ? found : undefined
    })
    expect(signal).toMatchObject({
      signal: 'SIGKILL',
      target: { pid, comm: 'sleep' },
      sender: { comm: 'sh', command: expect.stringContaining('cleanup.sh') },
    })
    const sender = signal?.sender === 'kernel' ? undefined : signal?.sender
    expect(sender?.ancestors[0]).toMatchObject({ pid: process.pid })
    expect(Math.abs((signal?.atMs ?? 0) - Date.now())).toBeLessThan(20_000)
  })

  it.each([
    ['USR1', 'SIGUSR1'],
    ['USR2', 'SIGUSR2'],
    ['ALRM', 'SIGALRM'],
    ['PIPE', 'SIGPIPE'],
    ['XCPU', 'SIGXCPU'],
    ['PROF', 'SIGPROF'],
    ['IO', 'SIGIO'],
    ['PWR', 'SIGPWR'],
    ['40', 'SIG40'],
  ])('names the process that sent SIG%s, which ends a process by default', async (word, signal) => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const pid = await killBy(`sleep 0.05; kill -${word} "$1"; sleep 0.05`)
    const found = await until('the signal to be seen', () => {
      const signals = seen.signalsTo(pid, around())
      return signals.length > 0 ? signals : undefined
    })
    expect(found).toMatchObject([{ signal, sender: { comm: 'sh' } }])
    expect(seen.watchingSince?.()).toBeLessThanOrEqual(Date.now())
  })

  it('does not note the signals that end nothing, and timers of a process itself', async () => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const pid = await killBy(
      'kill -CHLD "$1"; kill -WINCH "$1"; kill -URG "$1"; kill -CONT "$1"; sleep 0.05; kill -9 "$1"',
    )
    await until('the last signal', () => seen.signalsTo(pid, around()).length > 0)
    expect(seen.signalsTo(pid, around()).map(({ signal }) => signal)).toEqual(['SIGKILL'])
  })

  it('removes its trace instance when it stops, and changes no other', async () => {
    const root = privateDirectory()
    track(root.remove)
    const before = readdirSync(instances)
    const seen = await witnessSignals(root.path)
    expect(ownInstances().length).toBe(before.filter((name) => name.startsWith('iapeer-')).length + 1)
    await seen.stop()
    expect(readdirSync(instances)).toEqual(before)
  })

  it('goes on in the kernel when its daemon is killed, and the next daemon reads the signals since', async () => {
    const root = privateDirectory()
    track(root.remove)
    const before = ownInstances()
    const module = new URL('../dist/index.js', import.meta.url).href
    const program = `
      const { FleetSupervisor } = await import(${JSON.stringify(module)})
      const supervisor = new FleetSupervisor(${JSON.stringify(root.path)}, { env: { ...process.env, IAPEER_SIGNAL_WITNESS: '1' } })
      await supervisor.start()
      process.stdout.write('up\\n')`
    const daemon = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise((resolve) => daemon.once('exit', resolve))
    track(() => daemon.kill('SIGKILL'))
    await new Promise((resolve) => daemon.stdout.once('data', resolve))
    daemon.kill('SIGKILL')
    await ended
    expect(ownInstances()).toHaveLength(before.length + 1)
    expect(await staleTraceInstance(root.path)).toBeDefined()
    const pid = await killBy('kill -9 "$1"')
    const seen = await witness(root.path)
    expect(seen.takenOver).toBe(true)
    const [signal] = await until('the signal to be seen', () => {
      const found = seen.signalsTo(pid, around())
      return found.length > 0 ? found : undefined
    })
    expect(signal).toMatchObject({ signal: 'SIGKILL', sender: { comm: 'sh' } })
  })

  it('reports that it is lost when its reader is killed', async () => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const reader = await until('the reader', () => readersOf(process.pid)[0])
    process.kill(reader, 'SIGKILL')
    await seen.lost
  })

  it('names the process of a thread that has another name', async () => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const victim = spawn('sleep', ['100'], { stdio: 'ignore' })
    const ended = new Promise((resolve) => victim.once('exit', resolve))
    const program = `
      require('node:fs').writeFileSync('/proc/thread-self/comm', 'runtime-worker')
      process.kill(${victim.pid}, 'SIGKILL')
      setTimeout(() => undefined, 300)`
    const thread = new Worker(program, { eval: true })
    await ended
    const [signal] = await until('the signal to be seen', () => {
      const found = seen.signalsTo(victim.pid ?? 0, around())
      return found.length > 0 ? found : undefined
    })
    await thread.terminate()
    expect(signal?.sender).toMatchObject({
      pid: process.pid,
      // The kernel notes a new name when the thread is scheduled next, which can be after the signal was read.
      comm: expect.stringMatching(/^(?:runtime-worker|node)$/),
      command: expect.stringContaining('node'),
    })
  })

  it.each(['чистка', '  blanks'])('names a process that is called %j', async (name) => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const pid = await killBy(`printf '${name}' > /proc/$$/comm; sleep 0.05; kill -9 "$1"; sleep 0.1`)
    const [signal] = await until('the signal to be seen', () => {
      const found = seen.signalsTo(pid, around())
      return found.length > 0 ? found : undefined
    })
    expect(signal?.sender).toMatchObject({ command: expect.stringContaining('cleanup.sh') })
  })

  it('stops and removes its instance also when its script was killed', async () => {
    const root = privateDirectory()
    track(root.remove)
    const seen = await witness(root.path)
    const shell = await until('the script', () => scriptsOf(process.pid)[0])
    const reader = await until('the reader', () => readersOf(process.pid)[0])
    process.kill(shell, 'SIGKILL')
    await seen.lost
    const before = ownInstances().length
    await seen.stop()
    expect(ownInstances()).toHaveLength(before - 1)
    await until('the reader to exit', () => !isRunning(reader))
  })

  it('removes its instance also when tracefs was unmounted', async () => {
    const mount = await mountTracefs()
    if (typeof mount === 'string') throw new Error(mount)
    const root = privateDirectory()
    track(root.remove)
    const before = ownInstances()
    const kept = new KeptWitness(root.path, createEventLog(root.path))
    await kept.start()
    await mount.remove()
    const reader = await until('the reader', () => readersOf(process.pid)[0])
    process.kill(reader, 'SIGKILL')
    await until('the witness to be lost', async () =>
      (await readEvents(root.path)).events.some(
        ({ ev, state }) => ev === 'signal-witness' && state === 'lost',
      ),
    )
    await kept.stop()
    await until('the instance to be removed', () => ownInstances().length === before.length)
  })

  it('does not start in a pid namespace of its own: the trace has the pids of the host', async () => {
    const root = privateDirectory()
    track(root.remove)
    const module = new URL('../dist/index.js', import.meta.url).href
    const program = `
      const { FleetSupervisor, readEvents } = await import(${JSON.stringify(module)})
      const supervisor = new FleetSupervisor(${JSON.stringify(root.path)}, { env: { ...process.env, IAPEER_SIGNAL_WITNESS: '1' } })
      await supervisor.start()
      await supervisor.stop()`
    const ran = await run('unshare', [
      ...['--pid', '--fork', '--mount-proc', process.execPath],
      ...['--input-type=module', '-e', program],
    ])
    expect(ran.stderr).toBe('')
    expect((await readEvents(root.path)).events.filter(({ ev }) => ev === 'signal-witness')).toMatchObject([
      { state: 'off', why: expect.stringContaining('a pid namespace of its own') },
    ])
  })

  it('gives a verdict that names the script that killed a peer, and its parent', async () => {
    const made = newRoot()
    const { root } = made
    const supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_SIGNAL_WITNESS: '1' } })
    await supervisor.start()
    track(() => supervisor.stop())
    await launchPeer(root, await made.peer(['sleep', '1000']))
    const [session] = await listSessions(root)
    const script = join(made.path, 'cleanup.sh')
    writeFileSync(script, 'sleep 0.05; kill -9 "$1"; sleep 0.05')
    await run('sh', [script, String(session?.server.pid)])
    const verdict = await until('the verdict', async () =>
      (await readEvents(root)).events.find(({ ev }) => ev === 'verdict'),
    )
    expect(verdict).toMatchObject({ verdict: 'killed-by-signal', confidence: 'high' })
    const [record] = await readDeathRecords(root)
    const { autopsy } = await deathView(root, record?.id ?? '')
    expect(autopsy).toMatchObject({
      verdict: 'killed-by-signal',
      confidence: 'high',
      summary: expect.stringMatching(
        /was killed by SIGKILL from pid \d+ \(sh .*cleanup\.sh \d+\), started by pid/,
      ),
      killer: { command: expect.stringContaining('cleanup.sh') },
    })
    expect((await readEvents(root)).events.filter(({ ev }) => ev === 'signal-witness')).toMatchObject([
      { state: 'on' },
    ])
  })

  it('gives the verdict terminated for a server that exited on SIGTERM', async () => {
    const made = newRoot()
    const { root } = made
    const supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_SIGNAL_WITNESS: '1' } })
    await supervisor.start()
    track(() => supervisor.stop())
    await launchPeer(root, await made.peer(['sleep', '1000']))
    const [session] = await listSessions(root)
    process.kill(session?.server.pid ?? 0, 'SIGTERM')
    const verdict = await until('the verdict', async () =>
      (await readEvents(root)).events.find(({ ev }) => ev === 'verdict'),
    )
    expect(verdict).toMatchObject({ verdict: 'terminated', confidence: 'high' })
  })
})

const childrenOf = (of: number): number[] => {
  const path = `/proc/${of}/task/${of}/children`
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number) : []
}

const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

/** Returns the shells that a process started for its readers. */
const scriptsOf = (pid: number): number[] =>
  childrenOf(pid).filter((child) =>
    readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('follow-pipe.sh'),
  )

/** Returns the children of those shells: the readers. */
const readersOf = (pid: number): number[] => scriptsOf(pid).flatMap(childrenOf)
