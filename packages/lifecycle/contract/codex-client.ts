import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type Fields, fieldsOf } from './lab.ts'

const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
const REQUEST_MS = 10_000

/** A request without an answer yet. */
interface PendingRequest {
  readonly resolve: (value: Fields) => void
  readonly reject: (error: Error) => void
}

/** Encodes one client frame (RFC 6455): masked, never fragmented. */
function frameOf(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4)
  const size = payload.length
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10)
  head[0] = 128 | opcode
  head[1] = 128 | (size < 126 ? size : size < 65_536 ? 126 : 127)
  if (head.length === 4) head.writeUInt16BE(size, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(size), 2)
  return Buffer.concat([head, mask, Buffer.from(payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0)))])
}

/** Decodes the first complete frame that a server has sent; undefined if there is none yet. */
function readFrame(
  bytes: Buffer,
): { opcode: number; isLast: boolean; payload: Buffer; rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined
  const [first = 0, second = 0] = bytes
  const short = second & 127
  const from = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < from) return undefined
  const size = from === 4 ? bytes.readUInt16BE(2) : from === 10 ? Number(bytes.readBigUInt64BE(2)) : short
  if (bytes.length < from + size) return undefined
  const payload = bytes.subarray(from, from + size)
  return { opcode: first & 15, isLast: (first & 128) !== 0, payload, rest: bytes.subarray(from + size) }
}

/** A client of a Codex app-server: JSON-RPC over a websocket on a unix socket. */
export class CodexClient {
  readonly #socket: Socket
  readonly #pending = new Map<number, PendingRequest>()
  /** The notifications of the server. */
  readonly notifications: Fields[] = []
  isClosed = false
  #bytes = Buffer.alloc(0)
  #parts: Buffer[] = []
  #last = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isClosed = true
      for (const { reject } of this.#pending.values())
        reject(new Error('the app-server closed the connection'))
    })
  }

  static open(path: string): Promise<CodexClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      socket.once('error', reject)
      socket.once('connect', () => {
        const key = randomBytes(16).toString('base64')
        socket.write(
          `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
        )
      })
      socket.once('data', (data) => {
        const head = data.toString('latin1')
        if (!head.startsWith('HTTP/1.1 101')) return reject(new Error(head.split('\r\n')[0]))
        const client = new CodexClient(socket)
        socket.on('data', (more) => client.#read(more))
        client.#read(data.subarray(head.indexOf('\r\n\r\n') + 4))
        return resolve(client)
      })
    })
  }

  #read(more: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, more])
    for (let frame = readFrame(this.#bytes); frame !== undefined; frame = readFrame(this.#bytes)) {
      this.#bytes = Buffer.from(frame.rest)
      if (frame.opcode === PING) this.#socket.write(frameOf(PONG, frame.payload))
      else if (frame.opcode === CLOSE) this.#socket.end()
      else if (frame.opcode <= 2) this.#take(frame)
    }
  }

  #take({ payload, isLast }: { readonly payload: Buffer; readonly isLast: boolean }): void {
    this.#parts.push(payload)
    if (!isLast) return
    const message = fieldsOf(JSON.parse(Buffer.concat(this.#parts).toString('utf8')))
    this.#parts = []
    const pending = message['method'] === undefined ? this.#pending.get(Number(message['id'])) : undefined
    if (pending === undefined) {
      this.notifications.push(message)
      return
    }
    this.#pending.delete(Number(message['id']))
    if (message['error'] === undefined) pending.resolve(fieldsOf(message['result']))
    else pending.reject(new Error(String(fieldsOf(message['error'])['message'])))
  }

  /** Sends a request. @throws Error with the message of the server, or if no answer arrives in time */
  request(method: string, params: object = {}): Promise<Fields> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), REQUEST_MS)
      timer.unref()
      this.#pending.set(id, { resolve, reject })
      this.#socket.write(frameOf(TEXT, Buffer.from(JSON.stringify({ id, method, params }))))
    })
  }

  async initialize(): Promise<void> {
    const clientInfo = { name: 'iapeer', title: 'iapeer', version: '0' }
    await this.request('initialize', { clientInfo, capabilities: { experimentalApi: false } })
    this.#socket.write(frameOf(TEXT, Buffer.from(JSON.stringify({ method: 'initialized' }))))
  }

  close(): void {
    this.#socket.destroy()
  }
}
