import { type Cgroup, readCgroups } from './cgroup.ts'

/** The cgroup of the recorder and the tmux server of a peer, inside the scope of the peer. */
const SERVER_LEAF = 'server'
/** The cgroup of the leader and of all that it starts. Limits are set on it alone. */
const AGENT_LEAF = 'agent'

/** The cgroup of the leader of a peer, in each hierarchy that has one. */
export interface AgentLeaf {
  /** The systemd scope of the peer: `iapeer-claude-bob-<gen>.scope`. */
  readonly unit: string
  /** One for each hierarchy: of cgroup v2 one. */
  readonly groups: readonly Cgroup[]
}

/** Returns the name of the systemd scope of a peer. */
export const scopeUnit = (identity: string, gen: string): string => `iapeer-${identity}-${gen}.scope`

const LEAF = /\/(iapeer-[^/]+\.scope)\/(server|agent)$/

function groupsIn(groups: readonly Cgroup[], leaf: string): AgentLeaf | undefined {
  const found = groups.filter(({ path }) => LEAF.exec(path)?.[2] === leaf)
  const unit = LEAF.exec(found[0]?.path ?? '')?.[1]
  return unit === undefined ? undefined : { unit, groups: found }
}

const toAgent = (path: string): string => path.replace(/[^/]+$/, AGENT_LEAF)

/** Returns the cgroup of the leader beside that of a recorder. Undefined if the recorder has no cgroup of its own. Pure. */
export function leafBeside(recorder: readonly Cgroup[]): AgentLeaf | undefined {
  const found = groupsIn(recorder, SERVER_LEAF)
  if (found === undefined) return undefined
  const groups = found.groups.map((group) => ({
    ...group,
    path: toAgent(group.path),
    directory: toAgent(group.directory),
  }))
  return { unit: found.unit, groups }
}

/** Returns the cgroup of a running leader, if it is one that iapeer made for it alone. Pure. */
export const leafOf = (leader: readonly Cgroup[]): AgentLeaf | undefined => groupsIn(leader, AGENT_LEAF)

/**
 * Returns the cgroup that a running leader and all that it starts have for themselves. Undefined if the leader is gone, or runs
 * without one.
 */
export const agentLeafOf = async (leaderPid: number): Promise<AgentLeaf | undefined> =>
  leafOf(await readCgroups(leaderPid))

/** Returns the directory of a leaf that has the files of a controller: that of cgroup v1 if there is one, else of cgroup v2. */
export function leafDirectory(
  { groups }: AgentLeaf,
  controller: string,
): { readonly version: 1 | 2; readonly directory: string } | undefined {
  const v1 = groups.find(({ controllers }) => controllers.includes(controller))
  if (v1 !== undefined) return { version: 1, directory: v1.directory }
  const v2 = groups.find(({ controllers }) => controllers.length === 0)
  return v2 === undefined ? undefined : { version: 2, directory: v2.directory }
}
