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
  readonly personality?: string
  readonly home?: string
  /** What is wrong, for a person. */
  readonly detail: string
  /** Whether `repairRegistry` mends it. */
  readonly fixable: boolean
}

/** What lies in a folder that is, or may be, a home. `home` is its real path. */
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

function fieldDifferences(entry: PeerEntry, wanted: PeerEntry): Divergence[] {
  const [is, shall] = [entryToFile(entry), entryToFile(wanted)]
  return Object.keys(shall)
    .filter((field) => JSON.stringify(is[field]) !== JSON.stringify(shall[field]))
    .map((field) => ({
      kind: 'field-differs' as const,
      personality: entry.personality,
      home: wanted.home,
      detail: `${field} is ${JSON.stringify(is[field])} in the registry, ${JSON.stringify(shall[field])} in the profile`,
      fixable: true,
    }))
}

class Builder {
  readonly entries: PeerEntry[] = []
  readonly divergences: Divergence[] = []
  readonly profileless: PeerEntry[] = []

  add(entry: PeerEntry): void {
    this.entries.push(entry)
  }

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

  nameIsFree(name: string): boolean {
    return !this.entries.some((entry) => entry.personality === name)
  }

  /** An entry whose home has no profile to go by. */
  addUnconfirmed({ entry, finding }: Registered): void {
    if (finding.kind === 'no-profile' && finding.retired) {
      this.tell('profile-retired', entry, 'its profile was retired: the peer was being removed', true)
      return
    }
    this.add(entry)
    if (finding.kind === 'gone') {
      this.tell(
        'home-missing',
        entry,
        `its home ${entry.home} is not there: mount it, or iapeer remove ${entry.personality}`,
        false,
      )
    } else if (finding.kind === 'unreadable') {
      this.tell('profile-unreadable', entry, finding.problem, false)
    } else {
      this.tell(
        'profile-missing',
        entry,
        'its home has no profile; the registry still knows what it said',
        true,
      )
      this.profileless.push(entry)
    }
  }

  addConfirmed(entry: PeerEntry, wanted: PeerEntry): void {
    if (this.nameIsFree(wanted.personality)) {
      this.add(wanted)
      this.divergences.push(...fieldDifferences(entry, wanted))
      return
    }
    this.tell('name-taken', wanted, `its profile says ${wanted.personality}, which another peer is`, false)
    if (this.nameIsFree(entry.personality)) this.add(entry)
  }

  addUnregistered(finding: HomeFinding): void {
    if (finding.kind === 'unreadable') {
      this.tell('profile-unreadable', { home: finding.home }, finding.problem, false)
    } else if (finding.kind === 'profile') {
      const entry = projectProfile(finding.profile, finding.home)
      const free = this.nameIsFree(entry.personality)
      if (free) this.add(entry)
      const detail = free
        ? 'it has a profile and no entry'
        : 'it has a profile, and another peer has its name'
      this.tell(free ? 'unregistered' : 'name-taken', entry, detail, free)
    }
  }
}

/**
 * Compares entries with profiles; profiles win. Entries whose home cannot be reached stay as they are.
 * Pure: what to write, and what to tell.
 */
export function compare(registered: readonly Registered[], unregistered: readonly HomeFinding[]): Comparison {
  const builder = new Builder()
  const homes = new Set<string>()
  const own: Registered[] = []
  for (const one of registered) {
    const { home } = one.finding
    if (homes.has(home)) builder.tell('home-shared', one.entry, `another peer has the home ${home}`, true)
    else own.push(one)
    homes.add(home)
  }
  // Who is called what the registry says comes first, so that a profile with another's name takes it from nobody.
  const wantedOf = ({ finding }: Registered): PeerEntry | undefined =>
    finding.kind === 'profile' ? projectProfile(finding.profile, finding.home) : undefined
  const renamed = (one: Registered): boolean => {
    const wanted = wantedOf(one)
    return wanted !== undefined && wanted.personality !== one.entry.personality
  }
  for (const one of [...own.filter((each) => !renamed(each)), ...own.filter(renamed)]) {
    const wanted = wantedOf(one)
    if (wanted === undefined) builder.addUnconfirmed(one)
    else builder.addConfirmed(one.entry, wanted)
  }
  for (const finding of unregistered) if (!homes.has(finding.home)) builder.addUnregistered(finding)
  return builder
}
