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

/** The newest events that are told at once. */
const READ_LIMIT = 1_000

/** The event log of a root. What was read has one cursor: behind the last of it. */
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
      // Before the first byte of the stream: a client that hears of it afterwards comes again and again.
      if (cursor !== undefined) checkCursor(cursor)
      return positioned(broadcast.follow({ cursor, filter: filterOf(filter), signal }))
    },
  }
}
