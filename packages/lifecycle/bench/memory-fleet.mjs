// Starts peers and supervises them until its standard input ends: memory-deaths.mjs runs it in a cgroup.
// Usage: node bench/memory-fleet.mjs ROOT PEERS MIB; prints `ready` when all peers run. Each peer takes MIB within four seconds.
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { FleetSupervisor, launchPeer } from '../dist/index.js'

const [root, peers, mib] = process.argv.slice(2)
const GROWS = `my ($mib, @held) = @ARGV; for (1 .. 8) { push @held, 'x' x ($mib << 17); select(undef, undef, undef, 0.5) } sleep`

const entries = []
for (let at = 1; at <= Number(peers); at++) {
  const personality = `p${String(at).padStart(2, '0')}`
  entries.push(
    await createPeer(root, { personality, defaultRuntime: 'command', command: ['perl', '-e', GROWS, mib] }),
  )
  await updatePeer(root, personality, { restart: 'on-failure' })
}
const supervisor = new FleetSupervisor(root, {
  onError: (what, error) => console.error(`supervisor: ${what}:`, error),
})
await supervisor.start()
await Promise.all(entries.map((entry) => launchPeer(root, entry)))
process.stdout.write('ready\n')
process.stdin.resume()
process.stdin.once('end', async () => {
  await supervisor.stop()
  process.exit()
})
