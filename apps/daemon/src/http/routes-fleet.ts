import { type Action, versioned } from '@iapeer/protocol/routes'
import type { Fleet } from '../fleet.ts'
import { type BoundRoute, type BoundRoutes, jsonRoute } from './route.ts'

/** Returns the routes that read peers and deaths. */
export function fleetRoutes(fleet: Fleet): BoundRoutes<'fleet' | 'peer' | 'deaths' | 'death'> {
  return {
    fleet: jsonRoute('fleet', async () => ({ ...versioned, peers: await fleet.list() })),
    peer: jsonRoute('peer', async ({ params }) => ({ ...versioned, ...(await fleet.peer(params.name)) })),
    deaths: jsonRoute('deaths', async ({ query }) => ({ ...versioned, deaths: await fleet.deaths(query) })),
    death: jsonRoute('death', async ({ params }) => ({ ...versioned, ...(await fleet.death(params.id)) })),
  }
}

/** Returns the routes of the actions on a peer. */
export function actionRoutes(fleet: Fleet): BoundRoutes<Action> {
  const route = <A extends Action>(action: A): BoundRoute =>
    jsonRoute(action, ({ params, body }) => fleet.act(action, params.name, body))
  return {
    start: route('start'),
    stop: route('stop'),
    new: route('new'),
    refresh: route('refresh'),
    wake: route('wake'),
    reset: route('reset'),
  }
}
