import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { EventSource } from '../fleet.ts'
import type { ApiContext } from './context.ts'
import { NOTHING, parseAs, type Route } from './route.ts'
import { QUERIES, versioned } from './schemas.ts'
import type { SseClients } from './sse.ts'

/** Server-sent events, unless JSON alone is asked for. */
function wantsStream(context: ApiContext): boolean {
  const accept = context.req.header('accept') ?? '*/*'
  return !accept.includes('application/json') || accept.includes('text/event-stream')
}

/** What happens, as it happens. */
export function eventRoutes(events: EventSource, clients: SseClients): Route[] {
  const respond = async (context: ApiContext): Promise<Response> => {
    const { cursor: asked, ...filter } = parseAs(QUERIES.events, context.req.query(), 'the query')
    const resumed = context.req.header('last-event-id')
    const cursor =
      resumed === undefined || resumed === ''
        ? asked
        : parseAs(QUERIES.events.shape.cursor, resumed, 'Last-Event-ID')
    if (!wantsStream(context)) {
      const found = await events.read(filter)
      return context.json({
        ...versioned,
        events: found.map((one) => ({ cursor: one.cursor, event: { ...one.event } })),
      })
    }
    // Only its head: there is nothing to wait for.
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'content-type': 'text/event-stream' })
    clients.serve(context.env.outgoing, (signal) => events.follow({ signal, cursor, filter }))
    return RESPONSE_ALREADY_SENT
  }
  return [
    {
      method: 'get',
      path: '/v1/events',
      summary: 'What happens, as it happens; the id of an event is where one goes on after it.',
      query: QUERIES.events,
      params: NOTHING,
      body: NOTHING,
      answers: { 'text/event-stream': undefined, 'application/json': 'Events' },
      respond,
    },
  ]
}
