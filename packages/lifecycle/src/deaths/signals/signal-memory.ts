import { readFileSync } from 'node:fs'
import type { Span } from '../evidence/span.ts'
import { describeSender, processOf, type SeenSender } from './describe-sender.ts'
import type { TraceLine } from './trace-line.ts'

/** A fatal signal, as it was seen when it was sent. */
export interface SeenSignal {
  /** The name, as `SIGKILL`. */
  readonly signal: string
  /** Epoch milliseconds, exact to about ten. */
  readonly atMs: number
  readonly target: { readonly pid: number; readonly comm: string }
  /** `kernel`: no process sent it. */
  readonly sender: SeenSender | 'kernel'
}

/** Knows which signals a process was sent. */
export interface SignalSource {
  /** Returns the signals that were sent to a process within a time range, oldest first. */
  readonly signalsTo: (pid: number, span: Span) => SeenSignal[]
  /** Since when it has seen every signal, in epoch milliseconds; undefined while it sees none. @default not known */
  readonly watchingSince?: () => number | undefined
}

const MOST_TARGETS = 4_096
/** A process that is sent more keeps the newest, and does not push out those of another. */
const MOST_PER_TARGET = 32
/** Reading a sender takes some tenths of a millisecond: a flood of signals must not slow the daemon down. */
const READS_PER_SECOND = 200

function bootSeconds(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0])
}

/** Keeps the newest signals and their senders. */
export class SignalMemory implements SignalSource {
  readonly #clock: 'boot' | 'mono'
  readonly #seen = new Map<number, SeenSignal[]>()
  /** Of the current second only: a pid may be reused later. */
  readonly #senders = new Map<string, SeenSender>()
  readonly #processes = new Map<number, number>()
  #readsLeft = READS_PER_SECOND
  #second = -1
  #bootOffset = 0
  readonly #startedMs = Date.now()

  /** @param clock the clock of the trace; `mono` does not count while the machine sleeps */
  constructor(clock: 'boot' | 'mono') {
    this.#clock = clock
  }

  note(line: TraceLine): void {
    const mono = Number(process.hrtime.bigint()) / 1e9
    this.#startSecond(mono)
    const boot = mono + this.#bootOffset
    const ago = Math.max(0, (this.#clock === 'boot' ? boot : mono) - line.seconds)
    const sender = line.senderPid ?? this.#processOf(line.senderTask)
    const target = sender === line.targetPid ? sender : this.#processOf(line.targetPid)
    // A process that signals itself crashed or aborted: no other process sent it.
    if (sender === target) return
    this.#keep(target, {
      signal: line.signal,
      atMs: Math.round(Date.now() - ago * 1_000),
      target: { pid: target, comm: line.targetComm },
      sender: line.byKernel ? 'kernel' : this.#readSender(sender, line, boot - ago),
    })
  }

  #startSecond(mono: number): void {
    if (Math.floor(mono) === this.#second) return
    this.#second = Math.floor(mono)
    this.#readsLeft = READS_PER_SECOND
    this.#senders.clear()
    this.#processes.clear()
    this.#bootOffset = bootSeconds() - mono
  }

  #processOf(task: number): number {
    const known = this.#processes.get(task)
    if (known !== undefined || this.#processes.size >= READS_PER_SECOND) return known ?? task
    const pid = processOf(task)
    this.#processes.set(task, pid)
    return pid
  }

  #keep(target: number, signal: SeenSignal): void {
    const own = this.#seen.get(target) ?? []
    // Inserted again, so that the first key of the map is the target whose last signal is the oldest.
    this.#seen.delete(target)
    this.#seen.set(target, [...own.slice(1 - MOST_PER_TARGET), signal])
    if (this.#seen.size <= MOST_TARGETS) return
    const [oldest] = this.#seen.keys()
    if (oldest !== undefined) this.#seen.delete(oldest)
  }

  #readSender(pid: number, { senderTask: task, senderComm: comm }: TraceLine, sentAt: number): SeenSender {
    const key = `${task} ${comm}`
    const known = this.#senders.get(key)
    if (known !== undefined) return known
    this.#readsLeft--
    if (this.#readsLeft < 0) return { pid, comm, ancestors: [] }
    const seen = describeSender({ pid, task, comm, sentAt })
    this.#senders.set(key, seen)
    return seen
  }

  watchingSince(): number {
    return this.#startedMs
  }

  signalsTo(pid: number, { fromMs, toMs }: Span): SeenSignal[] {
    return (this.#seen.get(pid) ?? []).filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
  }
}
