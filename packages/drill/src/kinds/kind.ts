import type { Expected } from '../expected.ts'
import type { DrillPeer } from '../peer.ts'
import type { Random } from '../random.ts'

/** What an act did. */
export interface Act {
  readonly expected: Expected
  /** When the fault was caused, milliseconds since the epoch. */
  readonly atMs: number
  /** Whether the fault was seen to have happened: its process is gone, or its file. */
  readonly isConfirmed: boolean
  /** The name of the peer afterwards. @default unchanged */
  readonly renamedTo?: string
}

/** One way to hurt a peer, or to stop it on purpose. */
export interface Kind {
  /** For `--kinds`: `server-sigkill`. */
  readonly name: string
  /** What is done, in words. */
  readonly title: string
  /** Why it cannot be done on this host; undefined if it can. It gets the directory of the drill. */
  readonly refusal?: (directory: string) => Promise<string | undefined>
  /** Whether its peers have their root on a small disk, one at a time. @default false */
  readonly isOnSmallDisk?: boolean
  readonly act: (peer: DrillPeer, random: Random) => Promise<Act>
}
