import type { DeathView } from '../report.ts'

/**
 * The kinds of notifications. `death`: one peer died. `gave-up`: a peer is in a crash loop and is not restarted. `incident`:
 * several deaths with one cause. `restarted`: a planned start succeeded. `recovered`: a peer that had been restarted has run for
 * the window of a crash loop. `blocked`: a peer waits for a person. `mute`: an agent cannot answer. `daemon-problem`: the daemon cannot do its work.
 */
export const NOTIFICATION_KINDS = [
  'death',
  'gave-up',
  'incident',
  'restarted',
  'recovered',
  'blocked',
  'mute',
  'daemon-problem',
] as const
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number]

/** A message for a person, as every channel gets it. */
export interface Notification {
  readonly schemaVersion: 1
  /** Unique: of a death its id, of an incident the id of the incident. */
  readonly id: string
  readonly kind: NotificationKind
  /** One sentence. */
  readonly summary: string
  /** What happens next: `restarting in 2 s, attempt 1 of 2`, `not restarted: 3 deaths in 5 min`. */
  readonly next?: string | undefined
  /** The last line on the screen of the agent, without control characters and words that look like secrets. */
  readonly lastLine?: string | undefined
  /** Absent for a kind without a death. */
  readonly verdict?: string | undefined
  readonly confidence?: string | undefined
  /** The identity that it is about; absent for an incident and for the daemon. */
  readonly identity?: string | undefined
  readonly deaths: readonly (DeathView | { readonly id: string; readonly identity?: string })[]
}
