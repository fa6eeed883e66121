import {
  configuredLimits,
  describeLimit,
  formatSize,
  isLimitName,
  isLimitValue,
  LIMIT_NAMES,
  type LimitName,
  type Limits,
  limitText,
  NO_LIMIT,
  parseSize,
  resolveLimits,
  type StatedLimits,
} from '@iapeer/core/limits'
import { type PeerProfile, type ProfileChanges, profileChanges } from '@iapeer/core/profile'
import { usageError } from '../../exit-code.ts'

/** The value that removes a limit from a profile, so that the setting `limits.*` applies. */
const DEFAULT = 'default'

/** New limits of a peer: a value as a profile has it; null removes the limit from the profile. */
export type LimitChanges = ReadonlyMap<LimitName, string | number | null>

function limitValue(name: LimitName, text: string): string | number | null {
  if (text === '' || text === DEFAULT) return null
  if (text === NO_LIMIT) return text
  const size = name === 'memory' || name === 'memory_high' ? parseSize(text) : undefined
  const value = size === undefined ? (/^\d{1,15}$/.test(text) ? Number(text) : text) : formatSize(size)
  if (isLimitValue(name, value)) return value
  throw usageError(
    `invalid ${name} ${JSON.stringify(text)}: expected ${describeLimit(name)}`,
    `${name}=${DEFAULT} removes it from the profile, so that limits.${name} of config.toml applies.`,
  )
}

/** Returns the changes of limits among assignments. @throws IapeerError `usage` */
export function limitChanges(
  assignments: readonly { readonly key: string; readonly text: string }[],
): LimitChanges {
  const changes = new Map<LimitName, string | number | null>()
  for (const { key, text } of assignments) if (isLimitName(key)) changes.set(key, limitValue(key, text))
  return changes
}

/** Refuses a limit that slows programs down only above the one that kills them. @throws IapeerError `usage` */
function assertOrder({ memory, memory_high: high }: Limits): void {
  if (memory === undefined || high === undefined || high <= memory) return
  throw usageError(
    `memory_high (${limitText('memory_high', high)}) is above memory (${limitText('memory', memory)})`,
    'Programs are slowed down above memory_high, and killed at memory: give a smaller memory_high.',
  )
}

/** Returns the change of a profile that follows from changes of limits. @throws IapeerError `usage` */
export function limitsEdit({ limits = {} }: PeerProfile, changes: LimitChanges): ProfileChanges {
  if (changes.size === 0) return {}
  const values = LIMIT_NAMES.map((name) => {
    const changed = changes.get(name)
    return [name, changed === undefined ? limits[name] : (changed ?? undefined)] as const
  })
  const stated: StatedLimits = Object.fromEntries(values.filter(([, value]) => value !== undefined))
  assertOrder(resolveLimits(configuredLimits(process.env), stated))
  return profileChanges(new Map([['limits', Object.keys(stated).length === 0 ? null : stated]]))
}

/** Returns the limit of a peer as it is printed: `4G`, or `default (none)`. */
function shownLimit(name: LimitName, { limits = {} }: PeerProfile): string {
  const own = limits[name]
  if (own !== undefined) return limitText(name, own)
  return `${DEFAULT} (${limitText(name, configuredLimits(process.env)[name])})`
}

/** Returns the lines that say what was changed, from when it counts, and how to undo it. */
export function limitLines(
  changes: LimitChanges,
  peer: { readonly name: string; readonly before: PeerProfile; readonly after: PeerProfile },
): string[] {
  const { name: peerName, before, after } = peer
  const names = [...changes.keys()]
  const undo = names.map((name) => `${name}=${before.limits?.[name] ?? DEFAULT}`)
  return [
    ...names.map(
      (name) =>
        `${name}: ${shownLimit(name, before)} -> ${shownLimit(name, after)} (applies from the next start)`,
    ),
    ...(names.length === 0 ? [] : [`  undo: iapeer set ${peerName} ${undo.join(' ')}`]),
  ]
}
