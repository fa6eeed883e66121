import { isIapeerError } from '@iapeer/core/errors'
import { isIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { registrationTime } from '@iapeer/core/registry'
import type { ExitRecord, VerdictWord } from '@iapeer/forensics'
import type { RecordedEvent } from '@iapeer/lifecycle/eventlog'
import { peerNamed } from '@iapeer/lifecycle/fleet'
import { statusOf } from '@iapeer/lifecycle/sessions'
import { advisedPeer } from '../sessions/advised-peer.ts'
import { type AdvisedPeer, startAdvice } from '../sessions/start-advice.ts'

/** What the advice about a death depends on, besides its verdict. */
export interface AfterDeath {
  /** Whether it died while iapeer was launching it. */
  readonly atLaunch: boolean
  /** Whether its restart policy already restarts it after such a death. */
  readonly isRestarted: boolean
  /** For the last death of a peer: its present state, and how to get it running. */
  readonly next?: string | undefined
}

/** Whether a generation was launched and died before its launch was finished. */
export function diedAtLaunch({ gen }: ExitRecord, events: readonly RecordedEvent[]): boolean {
  const own = events.filter((event) => gen !== undefined && event['gen'] === gen)
  const isLaunched = own.some(
    ({ ev, state, origin }) => ev === 'canary' && state === 'spawned' && origin === 'launch',
  )
  return isLaunched && !own.some(({ ev }) => ev === 'launch' || ev === 'blocked')
}

async function isRestartedAfter(home: string, verdict: VerdictWord): Promise<boolean> {
  const { wakePolicy, restart, afterReboot } = (await readProfile(home)) ?? {}
  if (verdict === 'host-reboot' && afterReboot !== undefined) return afterReboot !== 'no'
  return wakePolicy === 'keep-alive' || (verdict !== 'host-reboot' && restart === 'always')
}

/** Returns the line about the present state of a peer whose last death this is. */
export function nextLine(peer: string, advised: AdvisedPeer): string {
  const again =
    advised.state === 'running' || advised.state === 'managed' ? 'It has been started again since. ' : ''
  return `${again}${startAdvice(peer, advised)}`
}

interface Known {
  readonly verdict: VerdictWord
  /** Every recorded death. */
  readonly records: readonly ExitRecord[]
  readonly events: readonly RecordedEvent[]
}

/** Whether a death is of a removed peer that had the name before: the state of the present one does not know its session. */
async function isOfEarlierPeer(
  root: string,
  { identity, gen, ts }: ExitRecord,
  personality: string,
): Promise<boolean> {
  const registeredAt = await registrationTime(root, personality)
  if (registeredAt === undefined || Date.parse(ts) >= registeredAt.getTime() || !isIdentity(identity))
    return false
  const { session, tally } = await statusOf(root, identity)
  return session?.gen !== gen && tally.endings.every((one) => one.gen !== gen)
}

/** Reads what the advice about a death depends on. A server that is only watched, and a removed peer, have no `next`. */
export async function afterDeath(
  record: ExitRecord,
  { verdict, records, events }: Known,
): Promise<AfterDeath> {
  const root = iapeerRoot()
  const { identity } = record
  const atLaunch = diedAtLaunch(record, events)
  try {
    const { entry } = await peerNamed(root, identity)
    if (await isOfEarlierPeer(root, record, entry.personality))
      return {
        atLaunch,
        isRestarted: false,
        next: `It was an earlier peer with the name ${entry.personality}.`,
      }
    const isRestarted = await isRestartedAfter(entry.home, verdict)
    const isLast = records.findLast((one) => one.identity === identity)?.id === record.id
    if (!isLast) return { atLaunch, isRestarted }
    const advised = await advisedPeer(root, identity)
    return { atLaunch, isRestarted, next: nextLine(identity, advised) }
  } catch (error) {
    // The advice is only an addition: a peer that cannot be read must not hide its death.
    if (!isIapeerError(error)) throw error
    return { atLaunch, isRestarted: false }
  }
}
