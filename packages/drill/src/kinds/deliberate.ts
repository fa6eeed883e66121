import { launchPeer, renameNamed, stopPeer } from '@iapeer/lifecycle'
import type { Expected } from '../expected.ts'
import { BY, type DrillPeer, identityOf, renamed, runningGeneration } from '../peer.ts'
import { isGoneWithin } from '../processes.ts'
import type { Act, Kind } from './kind.ts'

const GONE_MS = 20_000
const SILENT: Expected = { records: [0], runs: 'no' }
/** A message starts a suspended peer. */
const SUSPENDED: Expected = { records: [0], runs: 'wakes' }
const SILENT_AND_RUNS: Expected = { records: [0], runs: 'yes' }

/** Stops a peer on purpose. */
export async function stopped(
  { site, identity, generation }: DrillPeer,
  expected: Expected,
  afterwards: 'stay-stopped' | 'suspend' | 'exit',
): Promise<Act> {
  const atMs = Date.now()
  await stopPeer(site.root, identity, { by: BY, afterwards })
  return { expected, atMs, isConfirmed: await isGoneWithin(generation.server, GONE_MS) }
}

/** What a person or the daemon does on purpose. */
export const DELIBERATE: readonly Kind[] = [
  { name: 'stop', title: 'a stop', act: (peer) => stopped(peer, SILENT, 'stay-stopped') },
  { name: 'suspend', title: 'a suspend', act: (peer) => stopped(peer, SUSPENDED, 'suspend') },
  {
    name: 'restart',
    title: 'a restart',
    act: async ({ site, identity, entry, generation }) => {
      const atMs = Date.now()
      await stopPeer(site.root, identity, { by: BY, afterwards: 'restart' })
      await launchPeer(site.root, entry, { env: site.env })
      const after = await runningGeneration(site, identity)
      const isConfirmed = (await isGoneWithin(generation.server, GONE_MS)) && after?.gen !== generation.gen
      return { expected: SILENT_AND_RUNS, atMs, isConfirmed }
    },
  },
  {
    name: 'rename',
    title: 'a rename while it runs',
    act: async ({ site, name }) => {
      const atMs = Date.now()
      const renamedTo = renamed(name)
      await site.changeRegistry(() => renameNamed(site.root, name, renamedTo))
      const after = await runningGeneration(site, identityOf(renamedTo))
      return { expected: SILENT_AND_RUNS, atMs, isConfirmed: after !== undefined, renamedTo }
    },
  },
]
