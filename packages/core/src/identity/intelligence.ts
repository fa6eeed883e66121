/** The kind of a peer: a person (`natural`), an agent (`artificial`) or a script (`absent`). */
export type Intelligence = 'natural' | 'artificial' | 'absent'

const READ_AS: ReadonlyMap<string, Intelligence> = new Map([
  ['natural', 'natural'],
  ['artificial', 'artificial'],
  ['absent', 'absent'],
  // Words of older profiles, which are never written.
  ['human', 'natural'],
  ['scripted', 'absent'],
])

const OF_RUNTIME: ReadonlyMap<string, Intelligence> = new Map([
  ...['telegram', 'discord', 'matrix', 'email', 'web'].map((name) => [name, 'natural'] as const),
  ...['notifier', 'webhook', 'api', 'cron'].map((name) => [name, 'absent'] as const),
])

const RANK: Readonly<Record<Intelligence, number>> = { absent: 0, artificial: 1, natural: 2 }

/** Reads an intelligence, also by the older words `human` (natural) and `scripted` (absent). */
export function readIntelligence(text: unknown): Intelligence | undefined {
  return typeof text === 'string' ? READ_AS.get(text) : undefined
}

/** Returns the intelligence of a peer whose profile states none: that of a known runtime, else `artificial`. */
export function defaultIntelligence(runtime: string): Intelligence {
  return OF_RUNTIME.get(runtime) ?? 'artificial'
}

/** Tests whether `next` is lower than `current` in the order natural, artificial, absent (the highest first). */
export function isLowerIntelligence(next: Intelligence, current: Intelligence): boolean {
  return RANK[next] < RANK[current]
}
