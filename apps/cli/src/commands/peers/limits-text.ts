import { scopeProblem } from '@iapeer/canary'
import { LIMIT_NAMES, type LimitName, type Limits, limitText } from '@iapeer/core/limits'
import type { Containment } from '@iapeer/lifecycle/sessions'

type Row = [label: string, value: string | undefined]

/** The kernel rounds a limit of memory to pages, which have at most 64 KiB. */
const PAGE = 65_536

function isSame(name: LimitName, one: number | undefined, other: number | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return name === 'tasks' || name === 'cpu_weight'
    ? one === other
    : Math.floor(one / PAGE) === Math.floor(other / PAGE)
}

/** Returns one limit of a running peer: `memory 4G`, `memory 2G (4G from its next start)`. */
function oneLimit(name: LimitName, { wanted, atStart, enforced = {} }: Containment): string[] {
  const [want, now] = [wanted[name], enforced[name]]
  if (want === undefined && now === undefined) return []
  const text = (value: number | undefined): string => limitText(name, value)
  if (isSame(name, want, now)) return [`${name} ${text(want)}`]
  const isUnchanged = isSame(name, want, atStart?.[name])
  if (now === undefined)
    return [
      `${name} ${text(want)} (${isUnchanged ? 'this host does not enforce it' : 'from its next start'})`,
    ]
  return [`${name} ${text(now)} (${text(want)} from its next start)`]
}

const listed = (limits: Limits): string =>
  LIMIT_NAMES.flatMap((name) =>
    limits[name] === undefined ? [] : `${name} ${limitText(name, limits[name])}`,
  ).join(', ')

/** Returns the limits of a peer, and whether they are enforced. */
function limitsText(containment: Containment): string {
  const { wanted, state } = containment
  if (state === 'own') return LIMIT_NAMES.flatMap((name) => oneLimit(name, containment)).join(', ') || 'none'
  const stated = listed(wanted)
  if (stated === '') return 'none'
  return state === 'plain' ? `${stated}: not enforced` : `${stated}, from its next start`
}

/** Returns the rows of `show` about the cgroup and the limits of a peer. */
export function containmentRows(containment: Containment): Row[] {
  const { wanted, state, scope, why, kills = 0 } = containment
  const isSilent = state === 'plain' && process.platform !== 'linux' && Object.keys(wanted).length === 0
  if (isSilent) return []
  const killed = `${kills} of its processes ${kills === 1 ? 'was' : 'were'} killed at the memory limit`
  return [
    ['limits', `${limitsText(containment)}${kills === 0 ? '' : `; ${killed}`}`],
    ['scope', state === 'plain' ? `none: ${why}` : scope],
  ]
}

/** Prints why limits are not enforced here, if they are not. */
export async function reportUnenforced(): Promise<void> {
  const why = await scopeProblem()
  if (why !== undefined) process.stderr.write(`iapeer: limits are not enforced here: ${why}\n`)
}
