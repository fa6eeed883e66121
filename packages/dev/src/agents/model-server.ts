import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { answer, json, type ModelStep } from './model-answers.ts'

export type { ModelStep } from './model-answers.ts'

/** A request of a program to its model. */
export interface ModelRequest {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Whether the request belongs to a turn. A request without tools (a title, a probe) does not, and uses no step. */
  readonly isTurn: boolean
  /** The messages after the model's last answer, as JSON: what this request adds. */
  readonly added: string
}

/** A fake model on loopback for Claude Code (Messages API) and Codex (Responses API). */
export interface ModelServer {
  readonly url: string
  /** The bodies of all requests, the newest last. */
  readonly asked: readonly string[]
  readonly requests: readonly ModelRequest[]
  /** Sets the next answers, one step for each turn. Further turns are answered with a text. */
  readonly script: (...steps: readonly ModelStep[]) => void
  /** Sets the answer to every request from now on; undefined removes it. */
  readonly always: (step: ModelStep | undefined) => void
  /** Delays all answers, so that the program is busy. @returns a function that releases them */
  readonly hold: () => () => void
  readonly close: () => Promise<void>
}

const ANSWER = 'The model has read that.'
const MODEL_PATHS: ReadonlySet<string> = new Set(['/v1/messages', '/v1/responses'])

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {})
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : [])

function parse(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

const isAnswer = ({ role, type }: Fields): boolean =>
  role === 'assistant' || type === 'function_call' || type === 'reasoning'

/** Returns the messages that a request adds to the conversation. */
function addedMessages(body: Fields): string {
  const items = [...listOf(body['messages']), ...listOf(body['input'])]
  return JSON.stringify(items.slice(items.findLastIndex(isAnswer) + 1))
}

class Model {
  readonly asked: string[] = []
  readonly requests: ModelRequest[] = []
  steps: ModelStep[] = []
  always: ModelStep | undefined
  held: Promise<void> = Promise.resolve()

  async answer(path: string, raw: string, response: ServerResponse): Promise<void> {
    this.asked.push(raw)
    if (path === '/v1/messages/count_tokens') return json(response, { input_tokens: 7 })
    if (!MODEL_PATHS.has(path))
      return json(response, { error: { type: 'not_found_error', message: path } }, 404)
    const body = parse(raw)
    const isTurn = listOf(body['tools']).length > 0
    const nth = this.requests.push({ at: Date.now(), isTurn, added: addedMessages(body) })
    const step = isTurn ? (this.steps.shift() ?? this.always ?? {}) : (this.always ?? {})
    await this.held
    await answer(response, { path, isStreamed: body['stream'] === true }, { step, nth, defaultText: ANSWER })
  }
}

/** Starts a fake model on a free port of loopback. */
export async function startModelServer(): Promise<ModelServer> {
  const model = new Model()
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '')
    if (request.method !== 'POST') {
      response.writeHead(request.method === 'HEAD' ? 200 : 404).end()
      return
    }
    bodyOf(request).then(
      (body) => model.answer(path, body, response),
      // The program closed the connection before the body was complete.
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the model server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked: model.asked,
    requests: model.requests,
    script: (...steps) => {
      model.steps = [...steps]
    },
    always: (step) => {
      model.steps = []
      model.always = step
    },
    hold: () => {
      let release = (): void => undefined
      model.held = new Promise((resolve) => {
        release = resolve
      })
      return () => release()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
