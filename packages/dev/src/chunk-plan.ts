/**
 * How much code a process could load in the time that one more file costs, in bytes. Measured with Node.js 20: half a millisecond
 * for a file, 40 nanoseconds for a byte.
 */
const FILE_BYTES = 12_000

/** Code that the same entries load: a file of a bundler that divides code exactly. */
export interface Piece {
  readonly name: string
  readonly bytes: number
  /** The names of the pieces that are loaded with it. */
  readonly imports: readonly string[]
  /** Whether it is an entry or the target of a dynamic import. Such a piece keeps its own file. */
  readonly isEntry: boolean
}

/** Pieces that become one file. */
interface Group {
  readonly pieces: readonly string[]
  readonly bytes: number
  readonly isEntry: boolean
  imports: ReadonlySet<Group>
  /** The entries that load it: a bit for each. */
  users: bigint
}

/** Returns a group and everything that is loaded with it. */
function loadedWith(group: Group, found = new Set<Group>()): Set<Group> {
  if (found.has(group)) return found
  found.add(group)
  for (const one of group.imports) loadedWith(one, found)
  return found
}

/** Returns a group for each piece. Everything that the first entry loads counts as loaded by every entry. */
function groupsOf(pieces: readonly Piece[], first: string): Set<Group> {
  const groups = new Map<string, Group>(
    pieces.map(({ name, bytes, isEntry }) => [
      name,
      { pieces: [name], bytes, isEntry, imports: new Set(), users: 0n },
    ]),
  )
  for (const { name, imports } of pieces) {
    const group = groups.get(name)
    if (group !== undefined) group.imports = new Set(imports.flatMap((one) => groups.get(one) ?? []))
  }
  const begin = groups.get(first)
  const entries = [...groups.values()].filter(({ isEntry }) => isEntry)
  for (const [at, entry] of entries.entries())
    for (const loaded of loadedWith(entry, begin === undefined ? undefined : loadedWith(begin)))
      loaded.users |= 1n << BigInt(at)
  return new Set(groups.values())
}

const count = (users: bigint): number => users.toString(2).replaceAll('0', '').length

/** Whether a file of both groups would import a file that imports it. */
const wouldBeCircular = (one: Group, other: Group): boolean =>
  [
    [one, other],
    [other, one],
  ].some(([from, to]) =>
    [...(from?.imports ?? [])].some(
      (between) => between !== to && to !== undefined && loadedWith(between).has(to),
    ),
  )

/** Returns how many more bytes all entries together load if two groups become one file; a file that is saved counts as negative bytes. */
function costOfJoining(one: Group, other: Group): number {
  const users = one.users | other.users
  let cost = -FILE_BYTES * count(one.users & other.users)
  for (const loaded of loadedWith(other, loadedWith(one))) {
    const more = users & ~loaded.users
    const isJoined = loaded === one || loaded === other
    if (more !== 0n) cost += count(more) * (loaded.bytes + (isJoined ? 0 : FILE_BYTES))
  }
  return cost
}

function join(groups: Set<Group>, one: Group, other: Group): void {
  const joined: Group = {
    pieces: [...one.pieces, ...other.pieces],
    bytes: one.bytes + other.bytes,
    isEntry: false,
    imports: new Set([...one.imports, ...other.imports].filter((group) => group !== one && group !== other)),
    users: one.users | other.users,
  }
  groups.delete(one)
  groups.delete(other)
  for (const group of groups)
    if (group.imports.has(one) || group.imports.has(other))
      group.imports = new Set([...group.imports].map((it) => (it === one || it === other ? joined : it)))
  groups.add(joined)
  for (const loaded of loadedWith(joined)) loaded.users |= joined.users
}

/** Returns the group that it pays most to join with; undefined if it pays with none. */
function bestPartner(groups: ReadonlySet<Group>, group: Group): Group | undefined {
  const candidates = [...groups].filter(
    (other) => other !== group && !other.isEntry && (other.users & group.users) !== 0n,
  )
  let best: { readonly other: Group; readonly cost: number } | undefined
  for (const other of candidates) {
    const cost = costOfJoining(group, other)
    if (cost < (best?.cost ?? 0) && !wouldBeCircular(group, other)) best = { other, cost }
  }
  return best?.other
}

/**
 * Plans the files of a bundle: many small files cost more time than a little code that an entry does not need. Joins pieces, the
 * smallest first, for as long as that lowers what all entries together load.
 * @param first the entry that is loaded before every other one
 * @returns the names of the pieces of each file
 */
export function planChunks(pieces: readonly Piece[], first: string): readonly (readonly string[])[] {
  const groups = groupsOf(pieces, first)
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false
    const shared = [...groups].filter(({ isEntry }) => !isEntry)
    for (const group of shared.sort((a, b) => a.bytes - b.bytes)) {
      const partner = groups.has(group) ? bestPartner(groups, group) : undefined
      if (partner === undefined) continue
      join(groups, group, partner)
      hasChanged = true
    }
  }
  return [...groups].map((group) => group.pieces)
}
