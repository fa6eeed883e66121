import { readdirSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { IapeerError } from '@iapeer/core/errors'
import { readHostMemory } from '@iapeer/lifecycle'
import { inTemporary } from './private-directory.ts'

/**
 * More than the drill needs: the drill with its daemon, and each peer. Measured on Linux, with Node.js 20 and two processors: 116 MiB and 61
 * processes at most with 4 peers at a time, 220 MiB and 89 with 16, 283 MiB and 96 with 32. Added: a second daemon and a small disk (about
 * 150 MiB), and an agent at its limit of 40 MiB for each peer.
 */
const BASE_BYTES = 400 * 2 ** 20
const PEER_BYTES = 64 * 2 ** 20
const BASE_PROCESSES = 20
const PEER_PROCESSES = 12
/** A peer that waits for an act beside each of those that have one. */
const SPARE_BYTES = 12 * 2 ** 20
const SPARE_PROCESSES = 4

/**
 * More than the files of the drill itself with its small disk, and of each act (records, snapshots, states, messages), need: 64 MiB and
 * 0.1 MiB measured in 780 acts, 0.16 MiB at most in 60 acts with messages. A temporary directory can be in memory.
 */
const BASE_DISK_BYTES = 80 * 2 ** 20
const ACT_DISK_BYTES = 2 ** 18

const numberIn = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined)

/** Returns how many more processes this user may start; undefined where that is not known or not limited. Linux. */
function freeProcesses(): number | undefined {
  if (process.platform !== 'linux') return undefined
  const [, limit = ''] = /^Max processes +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  const most = numberIn(limit)
  // An estimate: the limit is for the threads of this user, and these are the processes of all users.
  const running = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length
  return most === undefined ? undefined : Math.max(0, most - running)
}

/** What Node.js and 64 peers at a time need, with the files of the drill. */
const DESCRIPTORS = 256

/** Returns how many descriptors this process may have; undefined where that is not known. Linux. */
function mostDescriptors(): number | undefined {
  if (process.platform !== 'linux') return undefined
  const [, limit = ''] = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  return numberIn(limit)
}

/** How large a drill is to be. */
interface DrillSize {
  readonly count: number
  /** Peers at a time. */
  readonly concurrency: number
}

/** Refuses a drill whose files would need more than half of the free space of a directory. */
async function assertSpace(count: number, parent: string): Promise<void> {
  const { bavail, bsize } = await inTemporary(statfs(parent))
  const possible = Math.floor(((bavail * bsize) / 2 - BASE_DISK_BYTES) / ACT_DISK_BYTES)
  if (count <= possible) return
  throw new IapeerError(`a drill of ${count} acts needs more than half of the free space in ${parent}`, {
    code: 'drill-too-large',
    hint: `${possible > 0 ? `Use --count ${possible} or less` : 'Free some space first'}, or set TMPDIR to a directory of a larger disk.`,
  })
}

/**
 * Refuses a drill that would need more than half of the free memory, processes or disk space.
 * @param parent the directory in which it makes its own
 * @throws IapeerError `drill-too-large`, with what is possible; `temporary-directory-unusable`
 */
export async function assertRoom({ concurrency, count }: DrillSize, parent: string): Promise<void> {
  await assertSpace(count, parent)
  if ((mostDescriptors() ?? DESCRIPTORS) < DESCRIPTORS)
    throw new IapeerError(
      `a drill needs ${DESCRIPTORS} descriptors, and this process may have ${mostDescriptors()}`,
      {
        code: 'drill-too-large',
        hint: `Raise the limit first: ulimit -n ${DESCRIPTORS}`,
      },
    )
  const memory = await readHostMemory()
  const processes = freeProcesses()
  const byMemory =
    memory === undefined
      ? Number.POSITIVE_INFINITY
      : Math.floor((memory.availableBytes / 2 - BASE_BYTES) / (PEER_BYTES + SPARE_BYTES))
  const byProcesses =
    processes === undefined
      ? Number.POSITIVE_INFINITY
      : Math.floor((processes / 2 - BASE_PROCESSES) / (PEER_PROCESSES + SPARE_PROCESSES))
  const possible = Math.max(0, Math.min(byMemory, byProcesses))
  if (concurrency <= possible) return
  const what = byMemory <= byProcesses ? 'memory' : 'processes'
  throw new IapeerError(
    `a drill with ${concurrency} peers at a time needs more than half of the free ${what}`,
    {
      code: 'drill-too-large',
      hint: possible > 0 ? `Use --concurrency ${possible} or less.` : `Free some ${what} first.`,
    },
  )
}
