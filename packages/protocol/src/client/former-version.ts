const FORMER_VERSION = 1
const VERSION = 2

/** The states of a peer that have another name in schema version 1, and their names in version 2. */
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
 * Converts an answer of schema version 1 to version 2, and returns any other value unchanged. A daemon keeps running during an
 * upgrade, and the commands of the new version use it until it is restarted.
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
