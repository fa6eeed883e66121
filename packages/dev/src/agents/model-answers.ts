import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** One answer of the model: a text, tool calls or an error. */
export interface ModelStep {
  readonly text?: string
  readonly tools?: readonly {
    readonly tool: string
    readonly input: object
    /** For Codex: the MCP server of the tool, `mcp__<server>`. */
    readonly namespace?: string
  }[]
  /** An HTTP status instead of an answer, with `body`. */
  readonly status?: number
  readonly body?: object
  /** Delay before the first byte, in milliseconds. */
  readonly delayMs?: number
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

const PIECE = /[\s\S]{1,12}/g
const partsOf = (text: string): readonly string[] => text.match(PIECE) ?? ['']
const textOf = ({ text, tools }: ModelStep, defaultText: string): string =>
  text ?? (tools === undefined ? defaultText : 'I use a tool.')

/** Sends a response with a JSON body. */
export function json(response: ServerResponse, value: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

function sse(response: ServerResponse, events: readonly Event[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  response.end()
}

interface AnswerOptions {
  readonly step: ModelStep
  /** The number of the request, for the ids. */
  readonly nth: number
  /** The text of the answer if the step has none. */
  readonly defaultText: string
}

/** Answers in the form of the Messages API, streamed or whole. */
function answerMessages(response: ServerResponse, options: AnswerOptions, isStreamed: boolean): void {
  const { step, nth } = options
  const usage = { input_tokens: 7, output_tokens: 5 }
  const message = {
    id: `msg_${nth}`,
    type: 'message',
    role: 'assistant',
    model: 'fake',
    stop_sequence: null,
    usage,
  }
  const calls = (step.tools ?? []).map(({ tool, input }, at) => ({
    type: 'tool_use',
    id: `toolu_${nth}_${at}`,
    name: tool,
    input,
  }))
  const stop_reason = calls.length > 0 ? 'tool_use' : 'end_turn'
  const text = textOf(step, options.defaultText)
  if (!isStreamed) {
    json(response, { ...message, stop_reason, content: [{ type: 'text', text }, ...calls] })
    return
  }
  sse(response, [
    { type: 'message_start', message: { ...message, stop_reason: null, content: [] } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...partsOf(text).map((part) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: part },
    })),
    { type: 'content_block_stop', index: 0 },
    ...calls.flatMap((call, at) => [
      { type: 'content_block_start', index: at + 1, content_block: { ...call, input: {} } },
      {
        type: 'content_block_delta',
        index: at + 1,
        delta: { type: 'input_json_delta', partial_json: JSON.stringify(call.input) },
      },
      { type: 'content_block_stop', index: at + 1 },
    ]),
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
    { type: 'message_stop' },
  ])
}

/** Answers in the form of the Responses API, which is always streamed. */
function answerResponses(response: ServerResponse, { step, nth, defaultText }: AnswerOptions): void {
  const text = textOf(step, defaultText)
  const message = {
    type: 'message',
    id: `item_${nth}`,
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text, annotations: [] }],
  }
  const calls = (step.tools ?? []).map(({ tool, input, namespace }, at) => ({
    type: 'function_call',
    ...(namespace === undefined ? {} : { namespace }),
    id: `fc_${nth}_${at}`,
    call_id: `call_${nth}_${at}`,
    name: tool,
    status: 'completed',
    arguments: JSON.stringify(input),
  }))
  const usage = {
    input_tokens: 7,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 12,
  }
  const id = `resp_${nth}`
  const items = [message, ...calls]
  sse(response, [
    { type: 'response.created', response: { id, status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { ...message, content: [] } },
    ...partsOf(text).map((delta) => ({
      type: 'response.output_text.delta',
      item_id: message.id,
      output_index: 0,
      content_index: 0,
      delta,
    })),
    ...items.flatMap((item, at) => [
      ...(at === 0 ? [] : [{ type: 'response.output_item.added', output_index: at, item }]),
      { type: 'response.output_item.done', output_index: at, item },
    ]),
    { type: 'response.completed', response: { id, status: 'completed', output: items, usage } },
  ])
}

/** Answers a request to a path of either API with a step. */
export async function answer(
  response: ServerResponse,
  request: { readonly path: string; readonly isStreamed: boolean },
  options: AnswerOptions,
): Promise<void> {
  const { status, body, delayMs = 0 } = options.step
  if (delayMs > 0) await sleep(delayMs)
  if (status !== undefined) json(response, body ?? {}, status)
  else if (request.path === '/v1/messages') answerMessages(response, options, request.isStreamed)
  else answerResponses(response, options)
}
