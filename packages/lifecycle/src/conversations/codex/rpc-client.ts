import { fieldsOf, parseFields, text } from '@iapeer/core/json'

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** Sends and receives the texts of a connection to an app-server. */
export interface Transport {
  readonly send: (text: string) => void
  readonly close: () => void
}

/** An error that the server answered: the request was certainly not carried out. */
export class RpcRefused extends Error {}
/** The connection was closed, or the server did not answer in time: it is unknown whether a request was carried out. */
export class RpcSilent extends Error {}

interface Pending {
  readonly resolve: (result: Fields) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

const ANSWER_MS = 5_000

/**
 * A client of a Codex app-server (JSON-RPC). It never answers a request of the server, not even with an error: such a request asks a
 * person for an approval, and the answer of any client would count.
 */
export class RpcClient {
  readonly #pending = new Map<number, Pending>()
  readonly #onNotification: (method: string, params: Fields) => void
  #transport: Transport | undefined
  #nextId = 1
  #isClosed = false

  /** @param onNotification gets what the server reports without being asked */
  constructor(onNotification: (method: string, params: Fields) => void = () => undefined) {
    this.#onNotification = onNotification
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sets the transport and introduces this client. @throws RpcSilent, RpcRefused */
  async start(transport: Transport, { experimentalApi = false } = {}): Promise<void> {
    this.#transport = transport
    const clientInfo = { name: 'iapeer', title: 'iapeer', version: '1' }
    await this.request('initialize', { clientInfo, capabilities: { experimentalApi } })
    transport.send(JSON.stringify({ method: 'initialized' }))
  }

  /** Takes a text of the server. A text that is not a JSON object is ignored. */
  receive(received: string): void {
    const message = parseFields(received)
    if (message === undefined) return
    const method = text(message['method'])
    if (method !== undefined) {
      if (message['id'] === undefined) this.#onNotification(method, fieldsOf(message['params']))
      return
    }
    const id = Number(message['id'])
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    if (message['error'] === undefined) pending.resolve(fieldsOf(message['result']))
    else pending.reject(new RpcRefused(text(fieldsOf(message['error'])['message']) ?? 'without a reason'))
  }

  /** Sends a request. @throws RpcRefused if the server answers an error; RpcSilent without an answer */
  request(method: string, params: Fields = {}): Promise<Fields> {
    const transport = this.#transport
    if (transport === undefined || this.#isClosed)
      return Promise.reject(new RpcSilent('the connection to the app-server is closed'))
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new RpcSilent(`the app-server did not answer ${method} in time`))
      }, ANSWER_MS)
      this.#pending.set(id, { resolve, reject, timer })
      transport.send(JSON.stringify({ id, method, params }))
    })
  }

  /** Closes the connection. Requests without an answer fail. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(new RpcSilent('the connection to the app-server was closed'))
    }
    this.#pending.clear()
    this.#transport?.close()
  }
}
