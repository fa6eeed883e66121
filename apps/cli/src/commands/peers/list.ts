import { formatIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { type PeerState, type PeerStatus, statusOf } from '@iapeer/lifecycle'
import { fit, paint, plain, print, printJson, table } from '../../output.ts'
import { peerFields } from '../../peers.ts'

const HEAD = ['PEER', 'STATE', 'RUNTIMES', 'NATURE', 'RUNS IN', 'DESCRIPTION'].map((word) =>
  paint('dim', word),
)

const GLYPH: Readonly<Record<PeerState, string>> = {
  alive: paint('green', '●'),
  asleep: paint('dim', '○'),
  stopped: paint('dim', '✕'),
}

/** What a peer is doing as whichever runtime: one that is alive says more than one that is not. */
async function currentStatus(entry: PeerEntry): Promise<PeerStatus> {
  const { personality, defaultRuntime, runtimes } = entry
  const ordered = [defaultRuntime, ...runtimes.filter((runtime) => runtime !== defaultRuntime)]
  const all = await Promise.all(
    ordered.map((runtime) => statusOf(iapeerRoot(), formatIdentity({ runtime, personality }))),
  )
  return all.find((one) => one.state === 'alive') ?? all[0] ?? { state: 'asleep', session: undefined }
}

function sessionFields({ state, session }: PeerStatus): object {
  if (session === undefined) return { state }
  const { identity, server, leader, gen, startedAt } = session
  const generation = gen === undefined ? { canary: 'none' } : { gen, canary: 'guard' }
  return { identity, state, serverPid: server.pid, leaderPid: leader.pid, ...generation, startedAt }
}

const row = (entry: PeerEntry, { state }: PeerStatus): string[] => [
  `${GLYPH[state]} ${paint('bold', entry.personality)}`,
  state,
  entry.runtimes.join(','),
  entry.intelligence,
  plain(entry.cwd),
  plain(entry.description),
]

export async function list(options: { readonly json?: boolean }): Promise<void> {
  const entries = await listPeers(iapeerRoot())
  const peers = await Promise.all(
    entries.map(async (entry) => ({ entry, status: await currentStatus(entry) })),
  )
  if (options.json === true)
    for (const { entry, status } of peers) printJson({ ...peerFields(entry), ...sessionFields(status) })
  else if (entries.length === 0)
    print(
      'no peers yet\n  iapeer create NAME    make one\n  iapeer init [FOLDER]  make a folder the home of one',
    )
  else print(fit(table([HEAD, ...peers.map(({ entry, status }) => row(entry, status))])))
}
