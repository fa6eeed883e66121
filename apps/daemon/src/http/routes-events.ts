import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { parseAs, ROUTES, versioned } from '@iapeer/protocol/routes'
import type { EventSource } from '../fleet.ts'
import type { ApiContext } from './context.ts'
import { type BoundRoutes, rawRoute } from './route.ts'
import type { SseClients } from './sse.ts'

/** Whether a client accepts server-sent events: yes, unless it accepts only JSON. */
function wantsStream(context: ApiContext): boolean {
  const accept = context.req.header('accept') ?? '*/*'
  return !accept.includes('application/json') || accept.includes('text/event-stream')
}

/** Returns the route of the event log. */
export function eventRoutes(events: EventSource, clients: SseClients): BoundRoutes<'events'> {
  const { query } = ROUTES.events
  const respond = async (context: ApiContext): Promise<Response> => {
    const { cursor: queried, ...filter } = parseAs(query, context.req.query(), 'the query')
    const resumed = context.req.header('last-event-id')
    const cursor =
      resumed === undefined || resumed === ''
        ? queried
        : parseAs(query.shape.cursor, resumed, 'Last-Event-ID')
    if (!wantsStream(context)) {
      const found = await events.read(filter)
      return context.json({
        ...versioned,
        events: found.map((one) => ({ cursor: one.cursor, event: { ...one.event } })),
      })
    }
    // HEAD: answer without a stream.
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'content-type': 'text/event-stream' })
    clients.serve(context.env.outgoing, (signal) => events.follow({ signal, cursor, filter }))
    return RESPONSE_ALREADY_SENT
  }
  return { events: rawRoute('events', respond) }
}
