import { join } from 'node:path'
import { formatLogfmt, parseLogfmt } from '@iapeer/core/logfmt'
import type { HistoryStep, Mailbox, Message, MessageChange } from '@iapeer/core/mailbox'
import { rootLayout } from '@iapeer/core/paths'
import { appendLog, readLog } from '@iapeer/core/storage'
import { createEventLog, type EventLog } from '../eventlog/index.ts'
import { recipientIdentity, senderName } from './names.ts'

/** Returns the path of delivery.log. */
export const deliveryLogPath = (root: string): string =>
  join(rootLayout(root).records.recordDir, 'delivery.log')

/** A line of delivery.log, as it is read. */
export type DeliveryLine = Readonly<Record<string, string>>

function lineOf(message: Message, entry: HistoryStep, isLate: boolean): string {
  const { step, at, state, why, n, way, identity, gen } = entry
  const fields = {
    ...{ ts: at, id: message.id, step, state, from: senderName(message.from), to: message.to },
    ...{ why, n, way, identity, gen: gen === '' ? undefined : gen },
    ...(step === 1 && message.re !== undefined ? { re: message.re } : {}),
    ...(isLate ? { late: 1 } : {}),
  }
  return `${formatLogfmt(fields)}\n`
}

/**
 * Writes the history of messages to delivery.log and tells the followers of events. The history in the file of a message is the
 * truth: the log has no bodies, may lack lines, and is completed when the daemon starts.
 */
export class Ledger {
  readonly #root: string
  readonly #events: EventLog
  readonly #onFailure: (error: unknown) => void
  /** The number of messages that were taken, by way. */
  readonly takings = new Map<string, number>()

  constructor(
    root: string,
    options: { readonly events?: EventLog; readonly onFailure?: (error: unknown) => void } = {},
  ) {
    this.#root = root
    this.#events = options.events ?? createEventLog(root)
    this.#onFailure = options.onFailure ?? (() => undefined)
  }

  /** Writes the last step of a message. Never throws: a log that fails must not stop what it reports on. */
  async note(message: Message): Promise<void> {
    const last = message.history.at(-1)
    if (last === undefined) return
    if (last.state === 'taken' && message.turn === 'running' && last.way !== undefined)
      this.takings.set(last.way, (this.takings.get(last.way) ?? 0) + 1)
    try {
      await appendLog(deliveryLogPath(this.#root), lineOf(message, last, false), { makeDirectory: true })
    } catch (error) {
      this.#onFailure(error)
    }
    const { id, from, state, why } = message
    const identity = recipientIdentity(message)
    const { way } = last
    await this.#events.note({
      ev: 'message',
      ...{ identity, id, from: senderName(from), state },
      ...(why === undefined ? {} : { why }),
      ...(way === undefined ? {} : { way }),
    })
  }

  /** Changes a message in one step, and notes it. @returns undefined if another process was faster */
  async change(
    box: Mailbox,
    message: Message,
    change: MessageChange,
    limitMs?: number,
  ): Promise<Message | undefined> {
    const next = await box.change(message, change, limitMs === undefined ? {} : { limitMs })
    if (next !== undefined) await this.note(next)
    return next
  }

  /** Writes the lines that a process that was killed has not written, each with `late=1`. @returns their number */
  async repair(messages: readonly Message[]): Promise<number> {
    const known = new Set(readDeliveryLog(this.#root).map(({ id, step }) => `${id} ${step}`))
    const missing = messages.flatMap((message) =>
      message.history
        .filter(({ step }) => !known.has(`${message.id} ${step}`))
        .map((entry) => lineOf(message, entry, true)),
    )
    if (missing.length > 0)
      await appendLog(deliveryLogPath(this.#root), missing.join(''), { makeDirectory: true })
    return missing.length
  }
}

/** Reads delivery.log with its rotated files, the oldest line first; without repeated lines. */
export function readDeliveryLog(root: string): readonly DeliveryLine[] {
  const seen = new Set<string>()
  const lines: DeliveryLine[] = []
  for (const line of readLog(deliveryLogPath(root)).split('\n')) {
    const { fields } = parseLogfmt(line)
    const key = `${fields['id']} ${fields['step']}`
    if (fields['id'] === undefined || seen.has(key)) continue
    seen.add(key)
    lines.push(fields)
  }
  return lines
}
