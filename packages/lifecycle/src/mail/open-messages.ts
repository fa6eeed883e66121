import type { Mailbox, Message, MessageId } from '@iapeer/core/mailbox'

interface Cached {
  readonly stamp: string
  readonly message: Message
}

/** Reads the open messages of a mailbox again and again: only files that have changed. */
export class OpenMessages {
  readonly #box: Mailbox
  #known = new Map<MessageId, Cached>()

  constructor(box: Mailbox) {
    this.#box = box
  }

  /** Returns the open messages, in order. */
  async list(): Promise<readonly Message[]> {
    const next = new Map<MessageId, Cached>()
    for (const file of await this.#box.openFiles()) {
      const stamp = this.#box.stampOf(file)
      if (stamp === undefined) continue
      const cached = this.#known.get(file.id)
      const message = cached?.stamp === stamp ? cached.message : await this.#box.readAt(file)
      if (message !== undefined) next.set(file.id, { stamp, message })
    }
    this.#known = next
    return [...next.values()].map(({ message }) => message)
  }
}
