import type { PeerProfile } from '../profile/profile.ts'
import { entryToFile, type PeerEntry, projectProfile } from './entry.ts'

/** A difference between the registry and the profiles. */
export interface Divergence {
  readonly kind:
    | 'registry-missing'
    | 'registry-corrupt'
    | 'registry-old'
    | 'registry-newer'
    | 'unregistered'
    | 'field-differs'
    | 'home-shared'
    | 'name-taken'
    | 'home-missing'
    | 'profile-missing'
    | 'profile-retired'
    | 'profile-unreadable'
    | 'link-missing'
    | 'rename-unfinished'
  readonly personality?: string
  readonly home?: string
  /** The problem, in words. */
  readonly detail: string
  /** Whether `repairRegistry` fixes it. */
  readonly fixable: boolean
}

/** The state of a directory that is or may be a home. `home` is its real path. */
export type HomeFinding =
  | { readonly kind: 'profile'; readonly home: string; readonly profile: PeerProfile }
  | { readonly kind: 'unreadable'; readonly home: string; readonly problem: string }
  | { readonly kind: 'no-profile'; readonly home: string; readonly retired: boolean }
  | { readonly kind: 'gone'; readonly home: string }

/** An entry of the registry, with the present state of its home. */
export interface Registered {
  readonly entry: PeerEntry
  readonly finding: HomeFinding
}

/** The result of a comparison of the registry with the profiles. */
export interface Comparison {
  /** The entries that the registry should have. */
  readonly entries: readonly PeerEntry[]
  readonly divergences: readonly Divergence[]
  /** The entries whose missing profile is to be restored from them. */
  readonly profileless: readonly PeerEntry[]
}

const MAX_VALUE = 200

/** Formats a value for a message. The sections of interfaces can contain secrets, so only their names are shown. */
function shown(field: string, value: unknown): string {
  if (field === 'interfaces') return `{${Object.keys(value ?? {}).join(', ')}}`
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text
}

function fieldDifferences(entry: PeerEntry, wanted: PeerEntry): Divergence[] {
  const [registered, expected] = [entryToFile(entry), entryToFile(wanted)]
  return Object.keys(expected)
    .filter((field) => JSON.stringify(registered[field]) !== JSON.stringify(expected[field]))
    .map((field) => ({
      kind: 'field-differs' as const,
      personality: entry.personality,
      home: wanted.home,
      detail: `${field} is ${shown(field, registered[field])} in the registry, ${shown(field, expected[field])} in the profile`,
      fixable: true,
    }))
}

/** Returns the names that more than one entry has. */
const duplicateNames = (entries: readonly PeerEntry[]): Set<string> => {
  const [once, twice] = [new Set<string>(), new Set<string>()]
  for (const { personality } of entries) (once.has(personality) ? twice : once).add(personality)
  return twice
}

/** A registered peer, with the entry that it should have. */
interface Located extends Registered {
  wanted: PeerEntry
}

const isRenamed = ({ entry, wanted }: Located): boolean => entry.personality !== wanted.personality

/**
 * Resolves conflicts of names. A profile can rename its peer, but not to the name of a peer that keeps its own: such a
 * peer keeps its name in the registry. This repeats until no renamed peer has the name of another one.
 * @returns the peers that keep their name in the registry
 */
function settleNames(located: readonly Located[]): Located[] {
  const refused: Located[] = []
  for (;;) {
    const twice = duplicateNames(located.map((one) => one.wanted))
    const claims = located.filter((one) => isRenamed(one) && twice.has(one.wanted.personality))
    if (claims.length === 0) return refused
    for (const one of claims) one.wanted = { ...one.wanted, personality: one.entry.personality }
    refused.push(...claims)
  }
}

class Findings {
  readonly entries: PeerEntry[] = []
  readonly divergences: Divergence[] = []
  readonly profileless: PeerEntry[] = []

  report(kind: Divergence['kind'], entry: Partial<PeerEntry>, detail: string, fixable: boolean): void {
    const { personality, home } = entry
    this.divergences.push({
      kind,
      ...(personality === undefined ? {} : { personality }),
      ...(home === undefined ? {} : { home }),
      detail,
      fixable,
    })
  }

  /** Reports a problem with the home of a registered peer. */
  reportHome({ entry, finding }: Registered): void {
    if (finding.kind === 'gone') {
      const detail = `its home ${entry.home} is missing or has no .iapeer directory: mount or restore it, or iapeer remove ${entry.personality}`
      this.report('home-missing', entry, detail, false)
    } else if (finding.kind === 'unreadable') {
      this.report('profile-unreadable', entry, finding.problem, false)
    } else if (finding.kind === 'no-profile') {
      const lost = entry.runtimes.some((runtime) => runtime === 'command') ? ', except its command' : ''
      this.report(
        'profile-missing',
        entry,
        `its home has no profile; the registry still has its content${lost}`,
        true,
      )
      this.profileless.push(entry)
    }
  }

  addRegistered(located: readonly Located[], refused: readonly Located[]): void {
    const twice = duplicateNames(located.map((one) => one.wanted))
    for (const one of located) {
      const { entry, wanted } = one
      this.entries.push(wanted)
      this.reportHome(one)
      this.divergences.push(...fieldDifferences(entry, wanted))
      if (refused.includes(one)) {
        const claimed = one.finding.kind === 'profile' ? one.finding.profile.personality : entry.personality
        this.report(
          'name-taken',
          entry,
          `its profile has the name ${claimed}, which is the name of another peer`,
          false,
        )
      } else if (twice.has(wanted.personality))
        this.report(
          'name-taken',
          entry,
          `another peer has the same name; change it in the profile in ${wanted.home}`,
          false,
        )
    }
  }

  addUnregistered(finding: HomeFinding): void {
    if (finding.kind === 'unreadable') {
      this.report('profile-unreadable', { home: finding.home }, finding.problem, false)
    } else if (finding.kind === 'profile') {
      const entry = projectProfile(finding.profile, finding.home)
      const free = !this.entries.some((one) => one.personality === entry.personality)
      if (free) this.entries.push(entry)
      const detail = free
        ? 'it has a profile, but no entry in the registry'
        : 'it has a profile, but another peer has its name'
      this.report(free ? 'unregistered' : 'name-taken', entry, detail, free)
    }
  }
}

/**
 * Compares entries with profiles; profiles win. Two kinds of entries are dropped: those whose removal was cut off, and
 * the second entry of a home. The entry of a home that cannot be reached stays as it is.
 */
export function compare(registered: readonly Registered[], unregistered: readonly HomeFinding[]): Comparison {
  const findings = new Findings()
  const homes = new Set<string>()
  const located: Located[] = []
  for (const one of registered) {
    const { entry, finding } = one
    if (homes.has(finding.home)) {
      findings.report('home-shared', entry, `another peer already has the home ${finding.home}`, true)
    } else if (finding.kind === 'no-profile' && finding.retired) {
      findings.report(
        'profile-retired',
        entry,
        'the removal of the peer was interrupted: its profile is already renamed',
        true,
      )
    } else {
      const wanted = finding.kind === 'profile' ? projectProfile(finding.profile, finding.home) : entry
      located.push({ ...one, wanted })
    }
    homes.add(finding.home)
  }
  findings.addRegistered(located, settleNames(located))
  for (const finding of unregistered) if (!homes.has(finding.home)) findings.addUnregistered(finding)
  return findings
}
