import { readFileSync } from 'node:fs'
import type { Span } from '../evidence/span.ts'
import { processOf, type SeenSender, seeSender } from './describe-sender.ts'
import type { TraceLine } from './trace-line.ts'

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

const MOST_TARGETS = 4_096
/** One that is sent more keeps the newest, and takes no place of another's. */
const MOST_OF_ONE = 32
/** Looking who sent one costs some tenths of a millisecond; a machine that is full of them is not to be slowed down. */
const LOOKS_PER_SECOND = 200

function bootSeconds(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0])
}

/** Keeps the newest signals, and who sent them. */
export class SignalMemory implements SignalSource {
  readonly #clock: 'boot' | 'mono'
  readonly #seen = new Map<number, SeenSignal[]>()
  /** Of this second alone. */
  readonly #senders = new Map<string, SeenSender>()
  readonly #processes = new Map<number, number>()
  #looks = LOOKS_PER_SECOND
  #second = -1
  #bootOffset = 0

  /** @param clock of the trace: `mono` stands still while the machine sleeps */
  constructor(clock: 'boot' | 'mono') {
    this.#clock = clock
  }

  note(line: TraceLine): void {
    const mono = Number(process.hrtime.bigint()) / 1e9
    this.#turn(mono)
    const boot = mono + this.#bootOffset
    const ago = Math.max(0, (this.#clock === 'boot' ? boot : mono) - line.seconds)
    const sender = line.senderPid ?? this.#processOf(line.senderTask)
    const target = sender === line.targetPid ? sender : this.#processOf(line.targetPid)
    // A fault is a process's own.
    if (sender === target) return
    this.#keep(target, {
      signal: line.signal,
      atMs: Math.round(Date.now() - ago * 1_000),
      target: { pid: target, comm: line.targetComm },
      sender: line.byKernel ? 'kernel' : this.#look(sender, line, boot - ago),
    })
  }

  #turn(mono: number): void {
    if (Math.floor(mono) === this.#second) return
    this.#second = Math.floor(mono)
    this.#looks = LOOKS_PER_SECOND
    this.#senders.clear()
    this.#processes.clear()
    this.#bootOffset = bootSeconds() - mono
  }

  #processOf(task: number): number {
    const known = this.#processes.get(task)
    if (known !== undefined || this.#processes.size >= LOOKS_PER_SECOND) return known ?? task
    const pid = processOf(task)
    this.#processes.set(task, pid)
    return pid
  }

  #keep(target: number, signal: SeenSignal): void {
    const own = this.#seen.get(target) ?? []
    // The oldest target is the first one of the map.
    this.#seen.delete(target)
    this.#seen.set(target, [...own.slice(1 - MOST_OF_ONE), signal])
    if (this.#seen.size <= MOST_TARGETS) return
    const [oldest] = this.#seen.keys()
    if (oldest !== undefined) this.#seen.delete(oldest)
  }

  #look(pid: number, { senderTask: task, senderComm: comm }: TraceLine, sentAt: number): SeenSender {
    const key = `${task} ${comm}`
    const known = this.#senders.get(key)
    if (known !== undefined) return known
    this.#looks--
    if (this.#looks < 0) return { pid, comm, ancestors: [] }
    const seen = seeSender({ pid, task, comm, sentAt })
    this.#senders.set(key, seen)
    return seen
  }

  signalsTo(pid: number, { fromMs, toMs }: Span): SeenSignal[] {
    return (this.#seen.get(pid) ?? []).filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
  }
}
