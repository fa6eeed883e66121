import { checkCursor, type EventFilter, type FollowedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import { EventBroadcast } from './event-broadcast.ts'
import type { EventSource, PositionedEvent } from './fleet.ts'

const filterOf = ({
  peer,
  ev,
}: {
  readonly peer?: string | undefined
  readonly ev?: string | undefined
}): EventFilter => ({
  ...(peer === undefined ? {} : { peer }),
  ...(ev === undefined ? {} : { ev: [ev] }),
})

/** The number of newest events that one read returns. */
const READ_LIMIT = 1_000

/** Creates the event source of a root. All events of one read have the same cursor: the position after the last of them. */
export function eventLogSource(root: string): EventSource {
  const broadcast = new EventBroadcast(root)
  async function* positioned(items: AsyncIterable<FollowedEvent>): AsyncGenerator<PositionedEvent> {
    for await (const { cursor, event } of items)
      yield { cursor, event: event ?? { ts: new Date().toISOString(), ev: 'gap' } }
  }
  return {
    read: async (filter) => {
      const { events, cursor } = await readEvents(root, { ...filterOf(filter), limit: READ_LIMIT })
      return events.map((event) => ({ cursor, event }))
    },
    follow: ({ cursor, filter = {}, signal }) => {
      // Checked before the stream starts: after an error within the stream the client would reconnect forever.
      if (cursor !== undefined) checkCursor(cursor)
      return positioned(broadcast.follow({ cursor, filter: filterOf(filter), signal }))
    },
  }
}
