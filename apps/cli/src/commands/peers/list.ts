import { setTimeout as sleep } from 'node:timers/promises'
import { iapeerRoot } from '@iapeer/core/paths'
import { endCursor, followEvents } from '@iapeer/lifecycle/eventlog'
import { fleetView, type PeerView, settleFleet } from '@iapeer/lifecycle/fleet'
import { finishLaunches } from '@iapeer/lifecycle/launch'
import type { PeerState } from '@iapeer/lifecycle/sessions'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { isTooWide, table } from '../../table.ts'
import { stateWords } from './state-words.ts'

const HEAD = ['PEER', 'STATE', 'RUNTIMES', 'KIND', 'RUNS IN', 'DESCRIPTION'].map((word) => paint('dim', word))

const GLYPH: Readonly<Record<PeerState, string>> = {
  running: paint('green', '●'),
  'not-running': paint('dim', '○'),
  exited: paint('dim', '○'),
  failed: paint('red', '✕'),
  suspended: paint('dim', '○'),
  stopped: paint('dim', '○'),
  'crash-loop': paint('red', '!'),
  unresponsive: paint('red', '!'),
  blocked: paint('yellow', '!'),
  managed: paint('green', '●'),
}

const row = (peer: PeerView): string[] => [
  `${GLYPH[peer.state]} ${paint('bold', peer.personality)}`,
  stateWords(peer),
  peer.runtimes.join(','),
  peer.intelligence,
  plain(peer.cwd),
  plain(peer.description ?? ''),
]

const NONE =
  'no peers yet\n  iapeer create NAME    make one\n  iapeer init [DIRECTORY]  make a directory the home of one'
const shown = (peers: readonly PeerView[]): string =>
  peers.length === 0 ? NONE : table([HEAD, ...peers.map(row)])

/** Most changes are events; a change without one is seen this soon, in milliseconds. */
const LOOK_MS = 1_000
/** Events that follow each other within this time are shown at once, in milliseconds. */
const GATHER_MS = 30

/** Settles peers that have ended, finishes launches that a person has unblocked, and returns the state of every peer. */
async function currentPeers(): Promise<PeerView[]> {
  const root = iapeerRoot()
  await settleFleet(root)
  await finishLaunches(root)
  return fleetView(root)
}

/** As many rows as the terminal has; where peers are cut off, a row says how many. */
function frame(peers: readonly PeerView[], rows: number, fit: (text: string) => string): string[] {
  const lines = fit(shown(peers)).split('\n')
  const last = paint('dim', 'Ctrl-C leaves')
  if (lines.length < rows) return [...lines, last]
  const kept = lines.slice(0, Math.max(0, rows - 2))
  const more = fit(`… and ${lines.length - kept.length} more: iapeer list prints all`)
  return [...kept, paint('dim', more), last]
}

/** Returns what waits for the next change: for an event and those that follow it at once, at most for {@link LOOK_MS}. */
function changesOf(events: AsyncIterator<unknown>): () => Promise<void> {
  let next = events.next()
  const comesWithin = (limitMs: number): Promise<boolean> =>
    Promise.race([next.then(() => true), sleep(limitMs, false)])
  return async () => {
    const end = performance.now() + LOOK_MS
    let isMore = await comesWithin(LOOK_MS)
    while (isMore) {
      next = events.next()
      isMore = (await comesWithin(GATHER_MS)) && performance.now() < end
    }
  }
}

/** Until it is interrupted: shown again whenever something has happened. */
async function watchList(): Promise<void> {
  if (process.stdout.isTTY !== true)
    throw usageError('--watch needs a terminal', 'iapeer events -f --json tells a program what happens.')
  const { openFullScreen } = await import('../../full-screen.ts')
  const { fit } = await import('../../cut.ts')
  const root = iapeerRoot()
  const ended = new AbortController()
  const events = followEvents(root, { cursor: await endCursor(root), signal: ended.signal })[
    Symbol.asyncIterator
  ]()
  let peers = await currentPeers()
  const draw = (): void => screen.draw(frame(peers, screen.rows(), fit))
  const screen = openFullScreen(draw)
  try {
    const changed = changesOf(events)
    for (;;) {
      draw()
      await changed()
      peers = await currentPeers()
    }
  } finally {
    screen.close()
    ended.abort()
  }
}

export default defineCommand({
  name: 'list',
  summary: 'who there is, and what they are doing',
  options: {
    json: { help: 'one JSON object a line' },
    watch: { short: 'w', help: 'stay, and show it again whenever something has happened' },
  },
  run: async ({ options }) => {
    if (options.watch) return watchList()
    const peers = await currentPeers()
    if (options.json) {
      for (const peer of peers) printJson(peer)
      return
    }
    const text = shown(peers)
    print(isTooWide(text) ? (await import('../../cut.ts')).fit(text) : text)
  },
})
