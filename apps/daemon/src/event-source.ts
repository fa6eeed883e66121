import {
  checkCursor,
  followEvents,
  type FollowOptions as LogFollowOptions,
  readEvents,
} from '@iapeer/lifecycle/eventlog'
import type { EventSource, FollowOptions, PlacedEvent } from './fleet.ts'

type Filter = NonNullable<LogFollowOptions['filter']>

const filterOf = ({
  peer,
  ev,
}: {
  readonly peer?: string | undefined
  readonly ev?: string | undefined
}): Filter => ({
  ...(peer === undefined ? {} : { peer }),
  ...(ev === undefined ? {} : { ev: [ev] }),
})

/** The newest events that are told at once. */
const READ_LIMIT = 1_000

/** The event log of a root. What was read has one cursor: behind the last of it. */
export function eventLogSource(root: string): EventSource {
  async function* items({ cursor, filter = {}, signal }: FollowOptions): AsyncGenerator<PlacedEvent> {
    const from = cursor ?? (await readEvents(root, { limit: 1 })).cursor
    const followed = followEvents(root, { cursor: from, signal, filter: filterOf(filter) })
    for await (const item of followed)
      yield { cursor: item.cursor, event: item.event ?? { ts: new Date().toISOString(), ev: 'gap' } }
  }
  return {
    read: async (filter) => {
      const { events, cursor } = await readEvents(root, { ...filterOf(filter), limit: READ_LIMIT })
      return events.map((event) => ({ cursor, event }))
    },
    follow: (options) => {
      // Before the first byte of the stream: a client that hears of it afterwards comes again and again.
      if (options.cursor !== undefined) checkCursor(options.cursor)
      return items(options)
    },
  }
}
