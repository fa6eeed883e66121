import { type CanaryInfo, listCanaries, reconcile } from '@iapeer/canary'
import { mapLimit, waitUntil } from '@iapeer/core/async'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { TmuxServer } from '@iapeer/tmux'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { socketFinding } from './tmux.ts'

/** The time that a recorder may need to record a death that has just happened. */
const SETTLE_MS = 2_000

/** How many servers are asked at a time. */
const AT_ONCE = 8

const keyOf = ({ identity, gen }: CanaryInfo): string => `${identity}-${gen}`

/** Returns the canaries whose server is dead and whose recorder has not settled the death within {@link SETTLE_MS}. */
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

function orphans(remaining: readonly CanaryInfo[], fixed: readonly CanaryInfo[], fix: boolean): Finding[] {
  return [...remaining, ...fixed].map((canary) => {
    const done = fixed.includes(canary)
    return {
      id: 'orphaned-canary',
      level: 'warning',
      what: `the tmux server of ${canary.identity} is dead, but its death is not recorded yet`,
      where: `tmux server pid ${canary.serverPid}, ${canary.mode} pid ${canary.recorderPid}`,
      fix: done
        ? 'Recorded now: iapeer deaths'
        : 'iapeer doctor --fix records it, and so does any command that lists deaths.',
      ...(fix ? { fixed: done } : {}),
    }
  })
}

function lost({ identity, serverPid, recorderPid }: CanaryInfo): Finding {
  return {
    id: 'lost-canary',
    level: 'warning',
    what: `the recorder of ${identity} died: if its tmux server dies now, the cause will not be known exactly`,
    where: `tmux server pid ${serverPid}, recorder pid ${recorderPid}`,
    fix: `The daemon starts a new recorder. Without the daemon: iapeer watch <socket> --identity ${identity}`,
  }
}

function unknown({ identity, serverPid }: CanaryInfo): Finding {
  const what = `iapeer could not determine whether ${identity} is watched`
  return { id: 'unseen-canary', level: 'note', what, where: `tmux server pid ${serverPid}` }
}

/** Returns the findings about watched servers that clients do not reach; those of peers are in the check of tmux. */
async function unreachable(canaries: readonly CanaryInfo[]): Promise<Finding[]> {
  const watched = canaries.filter(({ mode, state }) => mode === 'watch' && state !== 'ended')
  const found = await mapLimit(watched, AT_ONCE, async ({ identity, serverPid, socketPath }) => {
    const server = await identifyProcess(serverPid)
    const lost = server && (await new TmuxServer({ socketPath, process: server }).unreachable())
    return lost && socketFinding(identity, { ...lost, socketPath, pid: serverPid })
  })
  return found.filter((finding) => finding !== undefined)
}

async function runCanaries({ root, fix }: DoctorContext): Promise<Finding[]> {
  const dead = await unsettled(root)
  if (fix && dead.length > 0) await reconcile(rootRecordLocation(root))
  const now = await listCanaries(rootRecordLocation(root))
  const still = new Set(now.filter(({ state }) => state === 'ended').map(keyOf))
  const remaining = dead.filter((canary) => still.has(keyOf(canary)))
  const fixed = fix ? dead.filter((canary) => !still.has(keyOf(canary))) : []
  const findings = [
    ...(await unreachable(now)),
    ...orphans(remaining, fixed, fix),
    ...now.filter(({ state }) => state === 'lost').map(lost),
    ...now.filter(({ state }) => state === 'unknown').map(unknown),
  ]
  if (findings.length > 0 || now.length === 0) return findings
  const armed = now.filter(({ state }) => state === 'armed').length
  return [
    {
      id: 'canaries',
      level: 'ok',
      what: `${armed} tmux server${armed === 1 ? ' has a recorder' : 's have recorders'}`,
    },
  ]
}

export const canaries: Check = { id: 'canaries', title: 'Recorders', group: 'sessions', run: runCanaries }
