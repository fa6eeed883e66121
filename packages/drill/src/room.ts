import { readdirSync, readFileSync } from 'node:fs'
import { IapeerError } from '@iapeer/core/errors'
import { readHostMemory } from '@iapeer/lifecycle'

/**
 * More than the drill needs: the drill with its daemon, and each peer. Measured on Linux, with Node.js 20 and two processors: 116 MiB and 61
 * processes at most with 4 peers at a time, 220 MiB and 89 with 16, 283 MiB and 96 with 32. Added: a second daemon and a small disk (about
 * 150 MiB), and an agent at its limit of 40 MiB for each peer.
 */
const BASE_BYTES = 400 * 2 ** 20
const PEER_BYTES = 64 * 2 ** 20
const BASE_PROCESSES = 20
const PEER_PROCESSES = 12

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

/**
 * Refuses a drill that would need more than half of the free memory or processes.
 * @throws IapeerError `drill-too-large`, with the concurrency that is possible
 */
export async function assertRoom(concurrency: number): Promise<void> {
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
      : Math.floor((memory.availableBytes / 2 - BASE_BYTES) / PEER_BYTES)
  const byProcesses =
    processes === undefined
      ? Number.POSITIVE_INFINITY
      : Math.floor((processes / 2 - BASE_PROCESSES) / PEER_PROCESSES)
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
