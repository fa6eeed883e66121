/** Removes the packages: from then on, the program has only the code that it has loaded. */
const REMOVE = `
const { rmSync } = await import('node:fs')
rmSync(process.argv[2] + '/node_modules', { recursive: true })`

const GUARDED = `
const server = await startGuardedServer({ identity: 'command-bob', socketPath: process.argv[2] + '/s', recordDir: process.argv[2] + '/root' })
console.log(JSON.stringify({ pid: server.server.pid, mode: server.mode }))
`

/**
 * A program for each library that uses the files that the library ships; libraries with scripts are used after their files were
 * removed. The test kills their servers.
 */
export const LIBRARY_PROGRAMS: Readonly<Record<string, string>> = {
  '@iapeer/canary': `import { preloadCanary, startGuardedServer } from '@iapeer/canary'
await preloadCanary()${REMOVE}${GUARDED}`,
  '@iapeer/tmux': `import { startGuardedServer } from '@iapeer/canary'
import { preloadTmux } from '@iapeer/tmux'
await preloadTmux()${REMOVE}${GUARDED}`,
  '@iapeer/core': `import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer, listPeers } from '@iapeer/core/registry'
const root = process.argv[2] + '/root'
await createPeer(root, { personality: toPersonality('bob'), defaultRuntime: toRuntime('claude') })
console.log(JSON.stringify({ names: (await listPeers(root)).map(({ personality }) => personality) }))`,
  '@iapeer/forensics': `import { judge, parseExitsLog } from '@iapeer/forensics'
const line = 'ts=2026-06-10T15:42:07.113Z ev=session-exit identity=claude-bob gen=9f2c41d0aa37be10 dead_status= dead_signal=SIGKILL leader_pid=812 forensics=/x.txt\\n'
const [record] = parseExitsLog(line).records
console.log(JSON.stringify({ verdict: judge(record, {}).verdict }))`,
  '@iapeer/protocol': `import { connectDaemon } from '@iapeer/protocol'
import { openApi } from '@iapeer/protocol/openapi'
const daemon = await connectDaemon(process.argv[2] + '/root')
console.log(JSON.stringify({ daemon: typeof daemon, title: openApi('1').info.title }))`,
  '@iapeer/host': `import { daemonStatus } from '@iapeer/host'
console.log(JSON.stringify(await daemonStatus(process.argv[2] + '/root')))`,
  '@iapeer/lifecycle': `import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer, findPeer } from '@iapeer/core/registry'
import { launchPeer, preloadLifecycle } from '@iapeer/lifecycle/launch'
const root = process.argv[2] + '/root'
await preloadLifecycle()${REMOVE}
await createPeer(root, { personality: toPersonality('bob'), defaultRuntime: toRuntime('command'), command: ['sleep', '1000'] })
const { session } = await launchPeer(root, await findPeer(root, 'bob'))
console.log(JSON.stringify({ pid: session.server.pid, leader: session.leader.pid, socketPath: session.socketPath }))`,
}
