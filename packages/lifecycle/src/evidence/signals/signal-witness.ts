import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type FollowedProgram, followProgram } from '@iapeer/tmux'
import type { Span } from '../span.ts'
import { type SeenSender, seeSender } from './sender.ts'
import { parseTraceLine, type TraceLine } from './trace-line.ts'
import { openTraceInstance, type TraceInstance } from './tracefs.ts'

/** A signal that ends processes, seen on its way. */
export interface SeenSignal {
  /** Canonical, as `SIGKILL`. */
  readonly signal: string
  /** Epoch milliseconds, to about ten of them. */
  readonly atMs: number
  readonly target: { readonly pid: number; readonly comm: string }
  /** `kernel`: nobody's. */
  readonly sender: SeenSender | 'kernel'
}

/** Who can say which signals a process was sent. */
export interface SignalSource {
  /** The signals to a process from one moment to another (epoch milliseconds), oldest first. */
  readonly signalsTo: (pid: number, span: Span) => SeenSignal[]
}

export interface SignalWitness extends SignalSource {
  /** What a killed daemon had left was taken over: signals of the time between are known. */
  readonly takenOver: boolean
  /** Resolves when it sees nothing any more: it was stopped, or its reader has ended. */
  readonly lost: Promise<void>
  /** Leaves nothing of it in the kernel. */
  readonly stop: () => Promise<void>
}

const REMEMBERED = 4_096
/** Looking who sent one costs some tenths of a millisecond; a machine that is full of them is not to be slowed down. */
const LOOKS_PER_SECOND = 200

/** Beside the built code, or in the package of which this is the source. */
const SCRIPT =
  ['./assets/follow-pipe.sh', '../../../assets/follow-pipe.sh']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path)) ?? ''

function uptimeSeconds(clock: TraceInstance['clock']): number {
  if (clock === 'mono') return Number(process.hrtime.bigint()) / 1e9
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0])
}

/** Keeps the newest signals, and who sent them. */
class SignalMemory implements SignalSource {
  readonly #clock: TraceInstance['clock']
  #seen: SeenSignal[] = []
  #looks = LOOKS_PER_SECOND
  #second = 0

  constructor(clock: TraceInstance['clock']) {
    this.#clock = clock
  }

  note(line: TraceLine): void {
    // A fault is a process's own.
    if (line.senderPid === line.targetPid) return
    const agoMs = (uptimeSeconds(this.#clock) - line.seconds) * 1_000
    this.#seen.push({
      signal: line.signal,
      atMs: Math.round(Date.now() - Math.max(0, agoMs)),
      target: { pid: line.targetPid, comm: line.targetComm },
      sender: line.code > 0 ? 'kernel' : this.#look(line),
    })
    if (this.#seen.length > 2 * REMEMBERED) this.#seen = this.#seen.slice(-REMEMBERED)
  }

  #look({ senderPid: pid, senderComm: comm }: TraceLine): SeenSender {
    const second = Math.floor(performance.now() / 1_000)
    if (second !== this.#second) this.#looks = LOOKS_PER_SECOND
    this.#second = second
    this.#looks--
    return this.#looks < 0 ? { pid, comm, ancestors: [] } : seeSender(pid, comm)
  }

  signalsTo(pid: number, { fromMs, toMs }: Span): SeenSignal[] {
    return this.#seen.filter(({ target, atMs }) => target.pid === pid && atMs >= fromMs && atMs <= toMs)
  }
}

function follow(instance: TraceInstance, memory: SignalMemory): Promise<FollowedProgram> {
  const onLine = (text: string): void => {
    const line = parseTraceLine(text)
    if (line !== undefined) memory.note(line)
  }
  const env = { PATH: '/usr/bin:/bin:/usr/local/bin', LC_ALL: 'C' }
  return followProgram(['/bin/sh', SCRIPT, instance.pipe], { env, onLine })
}

/**
 * Watches which process sends a fatal signal to which, by a tracing instance of this root's own. Linux, as root or with a
 * tracefs that this user may write.
 * @throws IapeerError `no-signal-witness`, `cannot-run`
 */
export async function witnessSignals(root: string): Promise<SignalWitness> {
  const instance = await openTraceInstance(root)
  const memory = new SignalMemory(instance.clock)
  const reader = await follow(instance, memory).catch(async (error: unknown) => {
    await instance.remove()
    throw error
  })
  return {
    takenOver: instance.takenOver,
    lost: reader.ended,
    signalsTo: (pid, span) => memory.signalsTo(pid, span),
    stop: async () => {
      await reader.stop()
      await instance.remove()
    },
  }
}
