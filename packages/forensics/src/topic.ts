/** What a verdict can be about, where the word alone leads to advice that does not fit. */
export const TOPICS = [
  'heap-full',
  'no-memory',
  'limit',
  'broken-pipe',
  'memory-daemon',
  'child',
  'signature',
  'shutdown',
  'manager-exit',
  'unit-stop',
  'unit-oom',
  'asked-to-exit',
  'own-limit',
] as const

/** One of {@link TOPICS}. */
export type Topic = (typeof TOPICS)[number]
