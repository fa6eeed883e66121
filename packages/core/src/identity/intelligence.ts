/** The nature of a peer: a person, a machine that thinks, or one that does not. */
export type Intelligence = 'natural' | 'artificial' | 'absent'

const READ_AS: ReadonlyMap<string, Intelligence> = new Map([
  ['natural', 'natural'],
  ['artificial', 'artificial'],
  ['absent', 'absent'],
  // Names of older profiles: read, never written.
  ['human', 'natural'],
  ['scripted', 'absent'],
])

const OF_RUNTIME: ReadonlyMap<string, Intelligence> = new Map([
  ...['telegram', 'discord', 'matrix', 'email', 'web'].map((name) => [name, 'natural'] as const),
  ...['notifier', 'webhook', 'api', 'cron'].map((name) => [name, 'absent'] as const),
])

const RANK: Readonly<Record<Intelligence, number>> = { absent: 0, artificial: 1, natural: 2 }

/** Reads a nature, also by its older names `human` (natural) and `scripted` (absent). */
export function readIntelligence(text: unknown): Intelligence | undefined {
  return typeof text === 'string' ? READ_AS.get(text) : undefined
}

/** What a runtime is by nature where nobody said: a channel of people, a machine's, or (any other) an agent. */
export function defaultIntelligence(runtime: string): Intelligence {
  return OF_RUNTIME.get(runtime) ?? 'artificial'
}

/** Whether `next` is a lower nature than `current`: natural, artificial, absent, from the highest. */
export function isLowerIntelligence(next: Intelligence, current: Intelligence): boolean {
  return RANK[next] < RANK[current]
}
