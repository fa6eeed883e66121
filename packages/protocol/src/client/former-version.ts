const FORMER_VERSION = 1
const VERSION = 2

/** What the states of a peer were called in schema version 1. */
const STATES: ReadonlyMap<unknown, string> = new Map([
  ['alive', 'running'],
  ['asleep', 'not-running'],
])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function withState(value: unknown): unknown {
  if (!isObject(value)) return value
  const state = STATES.get(value['state'])
  return state === undefined ? value : { ...value, state }
}

/**
 * Returns an answer of a daemon of schema version 1 as version 2 says it, and every other value as it is. A daemon keeps running
 * through an upgrade, and the commands of the new version use it until it is restarted.
 */
export function fromFormerVersion(value: unknown): unknown {
  if (!isObject(value) || value['schemaVersion'] !== FORMER_VERSION) return value
  const { peers } = value
  return withState({
    ...value,
    schemaVersion: VERSION,
    ...(Array.isArray(peers) ? { peers: peers.map(withState) } : {}),
  })
}
