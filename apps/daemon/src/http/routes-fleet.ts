import type { DeathView } from '@iapeer/lifecycle/deaths'
import { ACTIONS, type Fleet } from '../fleet.ts'
import { jsonRoute, NOTHING, type Route } from './route.ts'
import { BODIES, PARAMS, QUERIES, versioned } from './schemas.ts'

/** Deaths of both kinds have one shape here; what one has not is absent. */
const flat = (death: DeathView) => ({ ...versioned, ...death })

/** Who there is, and what died. */
export function fleetRoutes(fleet: Fleet): Route[] {
  return [
    jsonRoute({
      method: 'get',
      path: '/v1/fleet',
      summary: 'Every peer, and what it is doing.',
      params: NOTHING,
      query: NOTHING,
      body: NOTHING,
      answer: 'Fleet',
      handle: async () => ({ ...versioned, peers: await fleet.list() }),
    }),
    jsonRoute({
      method: 'get',
      path: '/v1/peers/:name',
      summary: 'One peer.',
      params: PARAMS.name,
      query: NOTHING,
      body: NOTHING,
      answer: 'Peer',
      handle: async ({ params }) => ({ ...versioned, ...(await fleet.peer(params.name)) }),
    }),
    jsonRoute({
      method: 'get',
      path: '/v1/deaths',
      summary: 'What died, oldest first.',
      query: QUERIES.deaths,
      params: NOTHING,
      body: NOTHING,
      answer: 'Deaths',
      handle: async ({ query }) => ({ ...versioned, deaths: await fleet.deaths(query) }),
    }),
    jsonRoute({
      method: 'get',
      path: '/v1/deaths/:id',
      summary: 'One death, and why: verdict, confidence and evidence.',
      params: PARAMS.id,
      query: NOTHING,
      body: NOTHING,
      answer: 'Death',
      handle: async ({ params }) => {
        const { autopsy, ...death } = await fleet.death(params.id)
        return { ...flat(death), autopsy }
      },
    }),
  ]
}

const SUMMARIES = {
  start: 'Bring a peer up; harmless when it is up.',
  stop: 'Take a peer down, in silence; it stays down until it is started.',
  new: 'Take a peer down and bring it up afresh.',
  refresh: 'Bring a peer up afresh as soon as it can be.',
  wake: 'Bring a peer up because something is there for it.',
  reset: 'Forget the crashes of a peer, so that it may be woken again.',
} as const

/** What can be done with a peer. */
export function actionRoutes(fleet: Fleet): Route[] {
  return ACTIONS.map((action) =>
    jsonRoute({
      method: 'post',
      path: `/v1/peers/:name/${action}`,
      summary: SUMMARIES[action],
      params: PARAMS.name,
      body: BODIES[action],
      query: NOTHING,
      answer: 'Result',
      handle: async ({ params, body }) => ({ ...versioned, ...(await fleet.act(params.name, action, body)) }),
    }),
  )
}
