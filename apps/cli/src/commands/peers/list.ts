import { setTimeout as sleep } from 'node:timers/promises'
import { iapeerRoot } from '@iapeer/core/paths'
import { endCursor, followEvents } from '@iapeer/lifecycle/eventlog'
import { fleetStatus, type PeerStatusView, settleFleet } from '@iapeer/lifecycle/fleet'
import { finishLaunches } from '@iapeer/lifecycle/launch'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { reportRecordingProblem } from '../deaths/recording-problem.ts'
import { JSON_LINES, UTC } from '../options.ts'
import { peerTable, type TableOptions } from './peer-table.ts'

/** Most changes are events; a change without an event is shown after at most this time, in milliseconds. */
const REFRESH_MS = 1_000
/** Events that follow each other within this time are shown together, in milliseconds. */
const GATHER_MS = 30

/** Settles ended sessions, finishes launches that a person has unblocked, and returns the state of every peer. */
async function currentPeers(): Promise<PeerStatusView[]> {
  const root = iapeerRoot()
  await settleFleet(root)
  await finishLaunches(root)
  return fleetStatus(root)
}

/** Returns the lines of the view, at most `rows`; if peers do not fit, a line says how many. */
function frame(
  peers: readonly PeerStatusView[],
  rows: number,
  { fit, ...options }: TableOptions & { readonly fit: (text: string) => string },
): string[] {
  const lines = fit(peerTable(peers, options)).split('\n')
  const last = paint('dim', 'Press Ctrl-C to quit')
  if (lines.length < rows) return [...lines, last]
  const kept = lines.slice(0, Math.max(0, rows - 2))
  const more = fit(`+ ${lines.length - kept.length} more: iapeer list prints all`)
  return [...kept, paint('dim', more), last]
}

/** Returns a function that waits for an event and those that directly follow it, but at most {@link REFRESH_MS}. */
function changesOf(events: AsyncIterator<unknown>): () => Promise<void> {
  let next = events.next()
  const arrivesWithin = (limitMs: number): Promise<boolean> =>
    Promise.race([next.then(() => true), sleep(limitMs, false)])
  return async () => {
    const end = performance.now() + REFRESH_MS
    let hasNext = await arrivesWithin(REFRESH_MS)
    while (hasNext) {
      next = events.next()
      hasNext = (await arrivesWithin(GATHER_MS)) && performance.now() < end
    }
  }
}

/** Shows the list, and updates it after each change, until it is interrupted. */
async function watchList(utc: boolean): Promise<void> {
  if (process.stdout.isTTY !== true)
    throw usageError('--watch needs a terminal', 'In a script, use iapeer events -f --json.')
  const { openFullScreen } = await import('../../full-screen.ts')
  const { fit } = await import('../../cut.ts')
  const root = iapeerRoot()
  const ended = new AbortController()
  const events = followEvents(root, { cursor: await endCursor(root), signal: ended.signal })[
    Symbol.asyncIterator
  ]()
  let peers = await currentPeers()
  const draw = (): void =>
    screen.draw(frame(peers, screen.rows(), { fit, utc, columns: process.stdout.columns }))
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
  aliases: ['ls', 'ps'],
  summary: 'list peers and their state',
  options: {
    json: JSON_LINES,
    utc: UTC,
    watch: { short: 'w', help: 'keep the list on the screen and update it after each change' },
  },
  run: async ({ options }) => {
    if (options.watch) return watchList(options.utc)
    const peers = await currentPeers()
    if (options.json) {
      for (const peer of peers) printJson(peer)
    } else {
      const { isTTY, columns } = process.stdout
      print(peerTable(peers, { utc: options.utc, columns: isTTY === true ? columns : undefined }))
    }
    await reportRecordingProblem()
  },
})
