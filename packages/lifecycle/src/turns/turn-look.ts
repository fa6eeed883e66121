import type { Turn, TurnSource } from '../sessions/index.ts'

/** What one source says. */
export interface TurnStatement {
  readonly source: TurnSource
  /** In plain words: `busy`, `last turn failed: rate_limit`. */
  readonly says: string
  /** When the source says that it began, ISO-8601 UTC; absent where it does not. */
  readonly at?: string | undefined
}

/** A look at an agent: what it does, and what each source said, the one that decided first. */
export interface TurnLook {
  readonly turn: Turn
  readonly statements: readonly TurnStatement[]
  /** The files that say it: while none of them changes, another look says the same. Undefined: look again each time. */
  readonly paths?: readonly string[] | undefined
}

/** The latest time that a Date can have, in milliseconds since the epoch (ECMA-262). */
const LATEST_MS = 8.64e15

/** Returns a time as ISO-8601; undefined for an unknown one. */
export const isoTime = (ms: number | undefined): string | undefined =>
  ms === undefined || !(ms > 0 && ms <= LATEST_MS) ? undefined : new Date(ms).toISOString()

/** Returns a look at an agent whose sources could not be read. */
export const unknownTurn = (detail: string, statements: readonly TurnStatement[] = []): TurnLook => ({
  turn: { state: 'unknown', source: 'none', detail },
  statements,
})

/** Returns a look at an agent whose program is stopped: what it did before is not what it does. */
export const stoppedTurn = (pid: number): TurnLook =>
  unknownTurn('its program is stopped by a signal (SIGSTOP)', [
    { source: 'process', says: `process ${pid} is stopped` },
  ])
