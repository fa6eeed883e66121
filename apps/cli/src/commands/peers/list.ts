import { iapeerRoot } from '@iapeer/core/paths'
import { fleetView, type PeerState, type PeerView } from '@iapeer/lifecycle'
import { fit, paint, plain, print, printJson, table } from '../../output.ts'

const HEAD = ['PEER', 'STATE', 'RUNTIMES', 'NATURE', 'RUNS IN', 'DESCRIPTION'].map((word) =>
  paint('dim', word),
)

const GLYPH: Readonly<Record<PeerState, string>> = {
  alive: paint('green', '●'),
  asleep: paint('dim', '○'),
  stopped: paint('dim', '✕'),
  'crash-loop': paint('red', '!'),
  unresponsive: paint('red', '!'),
  managed: paint('green', '●'),
}

const row = (peer: PeerView): string[] => [
  `${GLYPH[peer.state]} ${paint('bold', peer.personality)}`,
  peer.state,
  peer.runtimes.join(','),
  peer.intelligence,
  plain(peer.cwd),
  plain(peer.description ?? ''),
]

export async function list(options: { readonly json?: boolean }): Promise<void> {
  const peers = await fleetView(iapeerRoot())
  if (options.json === true) for (const peer of peers) printJson(peer)
  else if (peers.length === 0)
    print(
      'no peers yet\n  iapeer create NAME    make one\n  iapeer init [FOLDER]  make a folder the home of one',
    )
  else print(fit(table([HEAD, ...peers.map(row)])))
}
