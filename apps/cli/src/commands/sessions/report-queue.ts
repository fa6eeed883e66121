import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { matchesPeer } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { type LaunchEntry, pendingLaunches, queuedText } from '@iapeer/lifecycle/sessions'

const LOOK_MS = 250
/** A start that waits only for others is reported after this time. In milliseconds. */
const OTHERS_MS = 3_000

/** Whether a launch waits long enough for a line. Of many that are started together, most wait for the others. */
const isWorthALine = (
  { state, by, reason, sinceMs }: LaunchEntry,
  { isOneOfMany }: { readonly isOneOfMany: boolean },
): boolean =>
  state === 'queued' &&
  by === 'person' &&
  (reason?.why !== 'others' || (!isOneOfMany && Date.now() - sinceMs >= OTHERS_MS))

interface QueueReport {
  readonly peer: string
  /** Whether it is started together with others. */
  readonly isOneOfMany: boolean
}

/** Returns the launch of a peer that waits long enough for a line. */
async function waitingLaunch(report: QueueReport): Promise<LaunchEntry | undefined> {
  try {
    return await findWaiting(report)
  } catch (error) {
    // Only this line is missing then.
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}

async function findWaiting(report: QueueReport): Promise<LaunchEntry | undefined> {
  const queued = [...(await pendingLaunches(iapeerRoot())).values()]
  return queued.find((entry) => matchesPeer(entry.identity, report.peer) && isWorthALine(entry, report))
}

/** Waits for the start of a peer, and prints once that it is queued, and why. @throws the error of `work` */
export async function reportQueue<T>(report: QueueReport, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    timer = setTimeout(async () => {
      const found = await waitingLaunch(report)
      if (timer === undefined) return
      if (found === undefined) return look()
      const { peer } = report
      const why = queuedText(found.reason)
      process.stderr.write(`iapeer: ${peer} is queued: ${why}; iapeer start ${peer} --now does not wait\n`)
    }, LOOK_MS)
  }
  look()
  try {
    return await work
  } finally {
    clearTimeout(timer)
    timer = undefined
  }
}
