import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mountTracefs, privateFolder, run, until } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { signals } from '../src/doctor/checks/signals.ts'
import { SYSTEM_PATHS } from '../src/doctor/finding.ts'
import { cleanCommand } from '../src/evidence/signals/clean-command.ts'
import { type SignalWitness, witnessSignals } from '../src/evidence/signals/signal-witness.ts'
import { parseTraceLine } from '../src/evidence/signals/trace-line.ts'
import { openTraceInstance, tracefsMounts } from '../src/evidence/signals/tracefs.ts'
import {
  deathView,
  FleetSupervisor,
  launchPeer,
  listSessions,
  readDeathRecords,
  readEvents,
  thisServiceSystem,
} from '../src/index.ts'
import { roots } from './support.ts'

const tracefs = await mountTracefs()
const why = typeof tracefs === 'string' ? tracefs : undefined
if (why !== undefined) process.stderr.write(`the signal witness is not tried for real: ${why}\n`)
const instances = typeof tracefs === 'string' ? '' : join(tracefs.path, 'instances')
afterAll(async () => {
  if (typeof tracefs !== 'string') await tracefs.remove()
})

const { track, newRoot } = roots()
const context = (root: string) => ({
  root,
  paths: SYSTEM_PATHS,
  system: thisServiceSystem(),
  now: new Date(),
  nodeVersion: process.versions.node,
})
const MINUTE = 60_000
const around = () => ({ fromMs: Date.now() - MINUTE, toMs: Date.now() + MINUTE })
const ours = (): string[] => readdirSync(instances).filter((name) => name.startsWith('iapeer-'))

describe('a line of the trace', () => {
  it('says who sent what to whom, whatever they are called', () => {
    const line =
      '            kill-2756    (   2756) [000] d..1. 33499.034369: signal_generate: sig=9 errno=0 code=0 comm=sleep pid=2755 grp=1 res=0'
    expect(parseTraceLine(line)).toEqual({
      senderPid: 2756,
      senderComm: 'kill',
      targetPid: 2755,
      targetComm: 'sleep',
      signal: 'SIGKILL',
      code: 0,
      seconds: 33499.034369,
    })
    const odd =
      ' tmux: server-1-7 (-------) [011] dN.2. 9.000001: signal_generate: sig=15 errno=0 code=128 comm=a b) pid=4 pid=812 grp=1 res=0'
    expect(parseTraceLine(odd)).toMatchObject({
      senderPid: 7,
      senderComm: 'tmux: server-1',
      targetPid: 812,
      targetComm: 'a b) pid=4',
      code: 128,
    })
    const thread =
      ' node-2799    (   2757) [001] d..1. 33499.184538: signal_generate: sig=9 errno=0 code=0 comm=sleep pid=2798 grp=1 res=0'
    expect(parseTraceLine(thread)?.senderPid).toBe(2757)
  })

  it('that is anything else is none', () => {
    expect(parseTraceLine('CPU:1 [LOST 12 EVENTS]')).toBeUndefined()
    fc.assert(fc.property(fc.string(), (text) => parseTraceLine(text) === undefined))
  })
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
  ])('keeps no secret: %j', (argv, text) => {
    expect(cleanCommand(argv)).toBe(text)
  })

  it('is bounded, whatever it is', () => {
    fc.assert(fc.property(fc.array(fc.string()), (argv) => cleanCommand(argv).length < 400))
  })
})

it('tracefs is found where it is mounted, the usual place first', () => {
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

  /** A process that is killed by a script with `command`; both have ended. @returns the pid of who was killed */
  async function killBy(command: string): Promise<number> {
    const folder = privateFolder()
    track(folder.remove)
    const script = join(folder.path, 'cleanup.sh')
    writeFileSync(script, command)
    const victim = spawn('sleep', ['100'], { stdio: 'ignore' })
    const ended = new Promise((resolve) => victim.once('exit', resolve))
    await run('sh', [script, String(victim.pid)])
    await ended
    return victim.pid ?? 0
  }

  it('names who killed a process, and the script that started them', async () => {
    const root = privateFolder()
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

  it('leaves nothing in the kernel when it stops, and no other instance is touched', async () => {
    const root = privateFolder()
    track(root.remove)
    const before = readdirSync(instances)
    const seen = await witnessSignals(root.path)
    expect(ours().length).toBe(before.filter((name) => name.startsWith('iapeer-')).length + 1)
    await seen.stop()
    expect(readdirSync(instances)).toEqual(before)
  })

  it('whose daemon was killed goes on in the kernel, and the next one reads what it saw', async () => {
    const root = privateFolder()
    track(root.remove)
    const before = ours()
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
    expect(ours()).toHaveLength(before.length + 1)
    const doctor = () => signals.run({ ...context(root.path), fix: false })
    expect(await doctor()).toMatchObject([{ id: 'left-signal-witness', level: 'warning' }])
    const pid = await killBy('kill -9 "$1"')
    const seen = await witness(root.path)
    expect(seen.takenOver).toBe(true)
    const [signal] = await until('the signal to be seen', () => {
      const found = seen.signalsTo(pid, around())
      return found.length > 0 ? found : undefined
    })
    expect(signal).toMatchObject({ signal: 'SIGKILL', sender: { comm: 'sh' } })
  })

  it('that a killed daemon has left is removed by doctor --fix', async () => {
    const root = privateFolder()
    track(root.remove)
    const before = ours()
    const instance = await openTraceInstance(root.path)
    expect(ours()).toHaveLength(before.length + 1)
    expect(await signals.run({ ...context(root.path), fix: true })).toMatchObject([
      { id: 'left-signal-witness', fixed: true },
    ])
    expect(existsSync(instance.pipe)).toBe(false)
    expect(await signals.run({ ...context(root.path), fix: false })).toEqual([])
  })

  it('of a reader that was killed says that it sees nothing any more', async () => {
    const root = privateFolder()
    track(root.remove)
    const seen = await witness(root.path)
    const reader = await until('the reader', () => readersOf(process.pid)[0])
    process.kill(reader, 'SIGKILL')
    await seen.lost
  })

  it('makes a verdict that names who killed a peer, by script and starter', async () => {
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

  it('tells a server that ended by somebody’s SIGTERM as terminated', async () => {
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

/** The children of the shell that a process has started for its reader. */
function readersOf(pid: number): number[] {
  const children = (of: number): number[] => {
    const path = `/proc/${of}/task/${of}/children`
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number) : []
  }
  const named = (of: number, word: string): boolean =>
    readFileSync(`/proc/${of}/cmdline`, 'latin1').includes(word)
  return children(pid)
    .filter((child) => named(child, 'follow-pipe.sh'))
    .flatMap(children)
}
