import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { fit, paint, plain, print, printJson, table } from '../../output.ts'
import { peerFields } from '../../peers.ts'

const HEAD = ['PEER', 'RUNTIMES', 'NATURE', 'RUNS IN', 'DESCRIPTION'].map((word) => paint('dim', word))

const row = (entry: PeerEntry): string[] => [
  paint('bold', entry.personality),
  entry.runtimes.join(','),
  entry.intelligence,
  plain(entry.cwd),
  plain(entry.description),
]

export async function list(options: { readonly json?: boolean }): Promise<void> {
  const entries = await listPeers(iapeerRoot())
  if (options.json === true) for (const entry of entries) printJson(peerFields(entry))
  else if (entries.length === 0)
    print(
      'no peers yet\n  iapeer create NAME    make one\n  iapeer init [FOLDER]  make a folder the home of one',
    )
  else print(fit(table([HEAD, ...entries.map(row)])))
}
