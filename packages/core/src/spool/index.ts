export type { SpoolEntry, SpoolFile } from './entry-name.ts'
export { type ClaimedEntry, Spool, type SpoolOptions } from './spool.ts'
