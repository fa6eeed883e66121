import { type CanaryInfo, listCanaries, reconcile } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { rootRecordLocation } from '@iapeer/core/paths'
import type { Check, DoctorContext, Finding } from '../finding.ts'

/** How long a recorder may be at the record of a death that has just been. */
const SETTLE_MS = 2_000

const keyOf = ({ identity, gen }: CanaryInfo): string => `${identity}-${gen}`

/** The generations whose server is dead, and which nobody has settled meanwhile either. */
async function unsettled(root: string): Promise<CanaryInfo[]> {
  const ended = async (): Promise<CanaryInfo[]> =>
    (await listCanaries(rootRecordLocation(root))).filter(({ state }) => state === 'ended')
  const before = await ended()
  let now = before
  const isSettled = async (): Promise<boolean> => {
    now = await ended()
    return now.length === 0
  }
  if (before.length > 0) await waitUntil(isSettled, { limitMs: SETTLE_MS, everyMs: 100 })
  const known = new Set(before.map(keyOf))
  return now.filter((canary) => known.has(keyOf(canary)))
}

function orphans(left: readonly CanaryInfo[], fixed: readonly CanaryInfo[], fix: boolean): Finding[] {
  return [...left, ...fixed].map((canary) => {
    const done = fixed.includes(canary)
    return {
      id: 'orphaned-canary',
      level: 'warning',
      what: `the server of ${canary.identity} is dead, and its end is not settled`,
      where: `${canary.mode} ${canary.recorderPid} of server ${canary.serverPid}`,
      fix: done
        ? 'Recorded now: iapeer deaths'
        : 'iapeer doctor --fix, or any command that shows deaths, records it.',
      ...(fix ? { fixed: done } : {}),
    }
  })
}

function lost({ identity, serverPid, recorderPid }: CanaryInfo): Finding {
  return {
    id: 'lost-canary',
    level: 'warning',
    what: `${identity} runs, and its recorder is gone: how its server ends will not be known exactly`,
    where: `server ${serverPid}, recorder ${recorderPid}`,
    fix: 'The daemon gives it a new one; or iapeer watch --identity with its socket.',
  }
}

function unseen({ identity, serverPid }: CanaryInfo): Finding {
  const what = `whether ${identity} is watched cannot be seen`
  return { id: 'unseen-canary', level: 'note', what, where: `server ${serverPid}` }
}

async function runCanaries({ root, fix }: DoctorContext): Promise<Finding[]> {
  const dead = await unsettled(root)
  if (fix && dead.length > 0) await reconcile(rootRecordLocation(root))
  const now = await listCanaries(rootRecordLocation(root))
  const still = new Set(now.filter(({ state }) => state === 'ended').map(keyOf))
  const left = dead.filter((canary) => still.has(keyOf(canary)))
  const fixed = fix ? dead.filter((canary) => !still.has(keyOf(canary))) : []
  const findings = [
    ...orphans(left, fixed, fix),
    ...now.filter(({ state }) => state === 'lost').map(lost),
    ...now.filter(({ state }) => state === 'unknown').map(unseen),
  ]
  if (findings.length > 0 || now.length === 0) return findings
  const armed = now.filter(({ state }) => state === 'armed').length
  return [{ id: 'canaries', level: 'ok', what: `${armed} server${armed === 1 ? ' is' : 's are'} watched` }]
}

export const canaries: Check = { id: 'canaries', title: 'Recorders', group: 'sessions', run: runCanaries }
