const actionAt = <A extends string>(action: A) =>
  ({ method: 'post', path: `/v1/peers/:name/${action}` }) as const

/**
 * The method and the path of each route; parameters are written `:name`. The schemas are in another file: the client sends a request
 * without them, and loads them while it waits for the answer.
 */
export const ENDPOINTS = {
  fleet: { method: 'get', path: '/v1/fleet' },
  peer: { method: 'get', path: '/v1/peers/:name' },
  deaths: { method: 'get', path: '/v1/deaths' },
  death: { method: 'get', path: '/v1/deaths/:id' },
  start: actionAt('start'),
  stop: actionAt('stop'),
  new: actionAt('new'),
  refresh: actionAt('refresh'),
  wake: actionAt('wake'),
  reset: actionAt('reset'),
  sendMessage: { method: 'post', path: '/v1/messages' },
  message: { method: 'get', path: '/v1/messages/:id' },
  peerMessages: { method: 'get', path: '/v1/peers/:name/messages' },
  events: { method: 'get', path: '/v1/events' },
  health: { method: 'get', path: '/healthz' },
  version: { method: 'get', path: '/version' },
  metrics: { method: 'get', path: '/metrics' },
  openapi: { method: 'get', path: '/openapi.json' },
} as const

export type RouteName = keyof typeof ENDPOINTS

/** An action on a peer. Its name is the last part of its path. */
export type Action = {
  [N in RouteName]: (typeof ENDPOINTS)[N]['path'] extends `/v1/peers/:name/${N}` ? N : never
}[RouteName]

/** The header with the bearer of the session that sends a message, over the unix socket. */
export const BEARER_HEADER = 'x-iapeer-bearer'
