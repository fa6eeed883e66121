import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** A model on loopback that answers Claude Code (Messages API) and Codex (Responses API) with what it was asked. */
export interface ModelServer {
  readonly port: number
  readonly url: string
  /** What it was asked, the newest last: the whole request bodies. */
  readonly asked: readonly string[]
  /** Until it is called back, answers stay away: the agent is busy. */
  readonly hold: () => () => void
  readonly close: () => Promise<void>
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

type Fields = Readonly<Record<string, unknown>>

function sse(response: ServerResponse, events: readonly (Fields & { readonly type: string })[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  response.end()
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

const ANSWER = 'The model has read that.'

function answerMessages(response: ServerResponse, streamed: boolean): void {
  const usage = { input_tokens: 7, output_tokens: 5 }
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'fake',
    stop_sequence: null,
    usage,
  }
  if (!streamed) {
    json(response, { ...message, stop_reason: 'end_turn', content: [{ type: 'text', text: ANSWER }] })
    return
  }
  sse(response, [
    { type: 'message_start', message: { ...message, stop_reason: null, content: [] } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ANSWER } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage },
    { type: 'message_stop' },
  ])
}

function answerResponses(response: ServerResponse): void {
  const item = {
    type: 'message',
    id: 'item_1',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: ANSWER, annotations: [] }],
  }
  const usage = {
    input_tokens: 7,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 12,
  }
  sse(response, [
    { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [] } },
    {
      type: 'response.output_text.delta',
      item_id: 'item_1',
      output_index: 0,
      content_index: 0,
      delta: ANSWER,
    },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: { id: 'resp_1', status: 'completed', output: [item], usage } },
  ])
}

function answer(path: string, body: string, response: ServerResponse): void {
  if (path === '/v1/messages') answerMessages(response, body.includes('"stream":true'))
  else if (path === '/v1/messages/count_tokens') json(response, { input_tokens: 7 })
  else if (path === '/v1/responses') answerResponses(response)
  else json(response, { error: { type: 'not_found_error', message: path } }, 404)
}

export async function startModelServer(): Promise<ModelServer> {
  const asked: string[] = []
  let held: Promise<void> = Promise.resolve()
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '')
    if (request.method === 'HEAD') {
      response.writeHead(200).end()
      return
    }
    void bodyOf(request).then(async (body) => {
      if (request.method === 'POST') asked.push(body)
      await held
      answer(path, body, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the model server has no port')
  const hold = (): (() => void) => {
    let release = (): void => undefined
    held = new Promise((resolve) => {
      release = resolve
    })
    return release
  }
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: address.port, url: `http://127.0.0.1:${address.port}`, asked, hold, close }
}
