export { type AgentLeaf, agentLeafOf, leafBeside, leafDirectory, leafOf, scopeUnit } from './agent-leaf.ts'
export { type Cgroup, parseCgroups, readCgroups, unifiedMount } from './cgroup.ts'
export { readLeafKills, readLeafLimits, writeLeafLimits } from './leaf-limits.ts'
