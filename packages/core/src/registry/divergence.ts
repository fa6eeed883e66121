import type { PeerProfile } from '../profile/profile.ts'
import { entryToFile, type PeerEntry, projectProfile } from './entry.ts'

/** One way in which registry and profiles do not agree. */
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
  /** What is wrong, for a person. */
  readonly detail: string
  /** Whether `repairRegistry` mends it. */
  readonly fixable: boolean
}

/** What lies in a directory that is, or may be, a home. `home` is its real path. */
export type HomeFinding =
  | { readonly kind: 'profile'; readonly home: string; readonly profile: PeerProfile }
  | { readonly kind: 'unreadable'; readonly home: string; readonly problem: string }
  | { readonly kind: 'no-profile'; readonly home: string; readonly retired: boolean }
  | { readonly kind: 'gone'; readonly home: string }

/** An entry of the registry beside what its home says now. */
export interface Registered {
  readonly entry: PeerEntry
  readonly finding: HomeFinding
}

/** What the registry should hold, and how what it holds differs. */
export interface Comparison {
  readonly entries: readonly PeerEntry[]
  readonly divergences: readonly Divergence[]
  /** Entries whose profile is to be written again from them. */
  readonly profileless: readonly PeerEntry[]
}

const LONGEST_VALUE = 200

/** A value as it is shown; the sections of interfaces hold secrets, so only their names are. */
function shown(field: string, value: unknown): string {
  if (field === 'interfaces') return `{${Object.keys(value ?? {}).join(', ')}}`
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}

function fieldDifferences(entry: PeerEntry, wanted: PeerEntry): Divergence[] {
  const [is, shall] = [entryToFile(entry), entryToFile(wanted)]
  return Object.keys(shall)
    .filter((field) => JSON.stringify(is[field]) !== JSON.stringify(shall[field]))
    .map((field) => ({
      kind: 'field-differs' as const,
      personality: entry.personality,
      home: wanted.home,
      detail: `${field} is ${shown(field, is[field])} in the registry, ${shown(field, shall[field])} in the profile`,
      fixable: true,
    }))
}

const namesOf = (entries: readonly PeerEntry[]): Set<string> => {
  const [once, twice] = [new Set<string>(), new Set<string>()]
  for (const { personality } of entries) (once.has(personality) ? twice : once).add(personality)
  return twice
}

/** A peer that is registered, and what it is to be. */
interface Located extends Registered {
  wanted: PeerEntry
}

const isRenamed = ({ entry, wanted }: Located): boolean => entry.personality !== wanted.personality

/**
 * Profiles win, but no name is taken from a peer that keeps its own: whoever claims one that is not free stays what the
 * registry calls it, until no two have the same name, or only such as had it before.
 */
function settleNames(located: readonly Located[]): Located[] {
  const refused: Located[] = []
  for (;;) {
    const twice = namesOf(located.map((one) => one.wanted))
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

  tell(kind: Divergence['kind'], entry: Partial<PeerEntry>, detail: string, fixable: boolean): void {
    const { personality, home } = entry
    this.divergences.push({
      kind,
      ...(personality === undefined ? {} : { personality }),
      ...(home === undefined ? {} : { home }),
      detail,
      fixable,
    })
  }

  /** What is wrong with the home of a registered peer, if anything. */
  tellOfHome({ entry, finding }: Registered): void {
    if (finding.kind === 'gone') {
      const detail = `its home ${entry.home} is not there: mount it, or iapeer remove ${entry.personality}`
      this.tell('home-missing', entry, detail, false)
    } else if (finding.kind === 'unreadable') {
      this.tell('profile-unreadable', entry, finding.problem, false)
    } else if (finding.kind === 'no-profile') {
      const lost = entry.runtimes.some((runtime) => runtime === 'command') ? '; its command is lost' : ''
      this.tell(
        'profile-missing',
        entry,
        `its home has no profile; the registry still knows what it said${lost}`,
        true,
      )
      this.profileless.push(entry)
    }
  }

  addRegistered(located: readonly Located[], refused: readonly Located[]): void {
    const twice = namesOf(located.map((one) => one.wanted))
    for (const one of located) {
      const { entry, wanted } = one
      this.entries.push(wanted)
      this.tellOfHome(one)
      this.divergences.push(...fieldDifferences(entry, wanted))
      if (refused.includes(one)) {
        const claimed = one.finding.kind === 'profile' ? one.finding.profile.personality : entry.personality
        this.tell('name-taken', entry, `its profile says ${claimed}, which another peer is`, false)
      } else if (twice.has(wanted.personality))
        this.tell(
          'name-taken',
          entry,
          `another peer has its name; change it in the profile in ${wanted.home}`,
          false,
        )
    }
  }

  addUnregistered(finding: HomeFinding): void {
    if (finding.kind === 'unreadable') {
      this.tell('profile-unreadable', { home: finding.home }, finding.problem, false)
    } else if (finding.kind === 'profile') {
      const entry = projectProfile(finding.profile, finding.home)
      const free = !this.entries.some((one) => one.personality === entry.personality)
      if (free) this.entries.push(entry)
      const detail = free
        ? 'it has a profile and no entry'
        : 'it has a profile, and another peer has its name'
      this.tell(free ? 'unregistered' : 'name-taken', entry, detail, free)
    }
  }
}

/**
 * Compares entries with profiles; profiles win. No entry is left out but one whose removal was cut off and the second of
 * a home; a home that cannot be reached keeps what the registry says.
 * Pure: what to write, and what to tell.
 */
export function compare(registered: readonly Registered[], unregistered: readonly HomeFinding[]): Comparison {
  const findings = new Findings()
  const homes = new Set<string>()
  const located: Located[] = []
  for (const one of registered) {
    const { entry, finding } = one
    if (homes.has(finding.home)) {
      findings.tell('home-shared', entry, `another peer has the home ${finding.home}`, true)
    } else if (finding.kind === 'no-profile' && finding.retired) {
      findings.tell('profile-retired', entry, 'its profile was retired: the peer was being removed', true)
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
