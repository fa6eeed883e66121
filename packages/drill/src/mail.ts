import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { findMessage, sendMessage, toMessageId } from '@iapeer/lifecycle'
import type { Problem } from './expected.ts'
import { noteFileOf } from './message-notes.ts'
import type { Random } from './random.ts'
import type { Site } from './site.ts'

const MOST_MESSAGES = 3
/** Messages are sent within this time after the start of a peer: before, during and after the act. */
const SENDING_MS = 800
/** How long a message may take until its receipt is final: the daemon looks again, and a peer may have to be started for it. */
const FINAL_MS = 60_000

type State = Awaited<ReturnType<typeof findMessage>>['message']['state']

/** The last receipt of a message. */
export interface SentMessage {
  readonly id: string
  readonly state: State
}

/** What a program has noted about messages: the names of their files are `<id>-<attempt>.json`. */
const LINE = /^(begun|taken) (m_[a-z0-9]+)-(\d+)\.json$/

/**
 * Compares the receipts of messages, in the order in which they were sent, with what the program noted. Pure.
 * @param noted the lines of the program, oldest first: `begun m_….json`, `taken m_….json`
 */
export function compareMessages(sent: readonly SentMessage[], noted: readonly string[]): Problem[] {
  const problems: Problem[] = []
  const begun = new Set<string>()
  const taken = new Set<string>()
  const order: string[] = []
  for (const line of noted) {
    const [, what, id = ''] = LINE.exec(line) ?? []
    if (what === 'begun' && taken.has(id))
      problems.push({ kind: 'message-twice', what: `${id} was given again after it had been taken` })
    if (what === 'begun') begun.add(id)
    if (what !== 'taken') continue
    taken.add(id)
    order.push(id)
  }
  for (const { id, state } of sent) {
    if (state !== 'handled' && state !== 'returned')
      problems.push({ kind: 'message-open', what: `${id} is still ${state}` })
    if (state === 'handled' && !begun.has(id))
      problems.push({ kind: 'message-lost', what: `${id} is handled, but the program never had it` })
    if (state === 'returned' && taken.has(id))
      problems.push({ kind: 'false-receipt', what: `${id} is returned, but the program has taken it` })
  }
  const wanted = sent.map(({ id }) => id).filter((id) => taken.has(id))
  const first = [...new Set(order)].filter((id) => wanted.includes(id))
  if (first.join() !== wanted.join())
    problems.push({ kind: 'message-order', what: `taken in the order ${first.join(', ')}` })
  return problems
}

/** Whether nothing was stored, which the sender is told: the peer was renamed, or its disk is full. */
const isRefused = (error: unknown): boolean =>
  (isIapeerError(error) && error.code === 'no-such-peer') || errnoOf(error) === 'ENOSPC'

/** The messages to one peer, around the act. */
export class PeerMail {
  readonly #site: Site
  readonly #name: string
  readonly #ids: string[] = []
  /** Resolves when every message is sent. */
  readonly sent: Promise<unknown>

  /** Begins to send. */
  constructor(site: Site, name: string, random: Random) {
    this.#site = site
    this.#name = name
    const pauses = Array.from({ length: 1 + random.below(MOST_MESSAGES) }, () => random.below(SENDING_MS))
    this.sent = this.#send(pauses.toSorted((one, other) => one - other))
    // Its failure is thrown by `settle`.
    this.sent.catch(() => undefined)
  }

  async #send(moments: readonly number[]): Promise<void> {
    const begun = performance.now()
    for (const moment of moments) {
      await sleep(Math.max(0, moment - (performance.now() - begun)))
      const sender = { kind: 'operator', proof: 'terminal' } as const
      const request = { to: this.#name, text: `message ${this.#ids.length + 1}`, sender, env: this.#site.env }
      try {
        this.#ids.push((await sendMessage(this.#site.root, request)).id)
      } catch (error) {
        if (!isRefused(error)) throw error
      }
    }
  }

  async #receipts(): Promise<SentMessage[]> {
    const states = this.#ids.map(async (id) => {
      const { message } = await findMessage(this.#site.root, toMessageId(id))
      return { id, state: message.state }
    })
    return Promise.all(states)
  }

  /** Waits until every message is sent and has a final receipt. @returns the receipts, also after the limit */
  async settle(limitMs = FINAL_MS): Promise<SentMessage[]> {
    await this.sent
    let receipts = await this.#receipts()
    const areFinal = async (): Promise<true | undefined> => {
      receipts = await this.#receipts()
      return receipts.every(({ state }) => state === 'handled' || state === 'returned') || undefined
    }
    await waitUntil(areFinal, { limitMs, everyMs: 100 })
    return receipts
  }

  /** Returns the messages that were returned although nothing kept the peer from having them. */
  async returnedProblems(): Promise<Problem[]> {
    const returned = (await this.#receipts()).filter(({ state }) => state === 'returned')
    return returned.map(({ id }) => ({ kind: 'message-returned', what: `${id} was returned` }))
  }

  /** Returns what is wrong with the messages. Called once nothing can change any more. */
  async problems(): Promise<Problem[]> {
    const receipts = await this.settle()
    return compareMessages(receipts, await this.#noted())
  }

  async #noted(): Promise<string[]> {
    try {
      return (await readFile(noteFileOf(this.#site.directory, this.#name), 'utf8')).split('\n')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  }
}
