import { setTimeout as sleep } from 'node:timers/promises'
import { iapeerRoot } from '@iapeer/core/paths'
import { endCursor, followEvents } from '@iapeer/lifecycle/eventlog'
import { recordingProblem } from '@iapeer/lifecycle/fleet/status'
import { usageError } from '../../exit-code.ts'
import { itemColumns } from '../../live-view/frame.ts'
import { pageLines, resultText, runCommand, runCommandInTerminal } from '../../live-view/key-program.ts'
import { LiveView } from '../../live-view/live-view.ts'
import type { Content, KeyCommand, Size } from '../../live-view/view.ts'
import { print } from '../../output.ts'
import { currentPeers } from './current-peers.ts'
import type { ListedPeer } from './peer-mail.ts'
import { NO_PEERS, peerRows, peerTable } from './peer-table.ts'

/** Most changes are events; a change without an event is shown after at most this time, in milliseconds. */
const REFRESH_MS = 1_000
/** Events that follow each other within this time are shown together, in milliseconds. */
const GATHER_MS = 30

const COMMANDS: readonly KeyCommand[] = [
  { name: 'attach', key: 'enter', help: 'attach to its terminal; prefix d comes back' },
  { name: 'stop', key: 's', asks: true, help: 'stop it' },
  { name: 'restart', key: 'r', asks: true, help: 'restart it' },
  { name: 'logs', key: 'l', help: 'print its terminal output' },
  { name: 'autopsy', key: 'a', help: 'explain its last death' },
]

/** What is shown: the peers, and why deaths may be missing. */
interface Fleet {
  readonly peers: readonly ListedPeer[]
  readonly problem: string | undefined
}

async function readFleet(): Promise<Fleet> {
  const peers = await currentPeers()
  return { peers, problem: await recordingProblem(iapeerRoot()) }
}

/** Returns a function that waits for an event and those that directly follow it, but at most {@link REFRESH_MS}. */
function changesOf(events: AsyncIterator<unknown>): () => Promise<void> {
  let next = events.next()
  const arrivesWithin = async (limitMs: number): Promise<boolean> => {
    const passed = new AbortController()
    // The timer of an event that arrives in time is cancelled, and then rejects.
    const late = sleep(limitMs, false, { signal: passed.signal }).catch(() => false)
    const arrived = await Promise.race([next.then(() => true), late])
    passed.abort()
    return arrived
  }
  return async () => {
    const end = performance.now() + REFRESH_MS
    let hasNext = await arrivesWithin(REFRESH_MS)
    while (hasNext) {
      next = events.next()
      hasNext = (await arrivesWithin(GATHER_MS)) && performance.now() < end
    }
  }
}

/** Calls `show` with the peers now and after each change, until `ended` is aborted. */
async function followFleet(show: (fleet: Fleet) => void, ended: AbortController): Promise<void> {
  const root = iapeerRoot()
  const { signal } = ended
  const events = followEvents(root, { cursor: await endCursor(root), signal })[Symbol.asyncIterator]()
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  const changed = changesOf(events)
  try {
    while (!signal.aborted) {
      show(await readFleet())
      await Promise.race([changed(), aborted])
    }
  } finally {
    ended.abort()
  }
}

/** Returns the content of the view for a size of the terminal. */
function contentOf({ peers, problem }: Fleet, size: Size, { utc }: { readonly utc: boolean }): Content {
  const { head, rows } = peerRows(peers, { utc, columns: itemColumns(size, process.stdin.isTTY === true) })
  return {
    head,
    items: rows.map(({ peer, line }) => ({ id: peer.personality, line })),
    empty: NO_PEERS.split('\n'),
    notice: problem === undefined ? undefined : `deaths may be missing here: ${problem}`,
  }
}

/** Runs the command of a key, and shows its result. */
async function runKey(view: LiveView, name: string, peer: ListedPeer): Promise<void> {
  const { personality, death } = peer
  if (name === 'attach') {
    const printed = await view.lend(() => runCommandInTerminal(['attach', personality]))
    return view.report(printed.exitCode === 0 ? `detached from ${personality}` : resultText(printed))
  }
  if (name === 'autopsy' && death === undefined) return view.report(`${personality} has no recorded death`)
  const printed = await runCommand([name, name === 'autopsy' ? (death?.id ?? '') : personality])
  if (name === 'stop' || name === 'restart' || printed.exitCode !== 0) return view.report(resultText(printed))
  view.openPage({ title: `${name} of ${personality}`, lines: pageLines(printed), atEnd: name === 'logs' })
}

/** Prints the list after each change, one below the other: for a terminal that cannot move its cursor. */
async function repeatList(utc: boolean): Promise<void> {
  let before = ''
  await followFleet(({ peers, problem }) => {
    const facts = peers.map(({ personality, shown, restarts, death, mail }) => [
      personality,
      shown.word,
      restarts,
      death?.id,
      mail,
    ])
    const now = JSON.stringify([facts, problem])
    if (now === before) return
    const { columns } = process.stdout
    print(`${before === '' ? '' : '\n'}${peerTable(peers, { utc, columns })}`)
    if (problem !== undefined) print(`deaths may be missing here: ${problem}`)
    before = now
  }, new AbortController())
}

/** Shows the list as a live view, until a key or a signal ends it. @throws IapeerError `usage` without a terminal */
export async function watchList(utc: boolean): Promise<void> {
  if (process.stdout.isTTY !== true)
    throw usageError('--watch needs a terminal', 'In a script, use iapeer events -f --json.')
  if (['', 'dumb'].includes(process.env['TERM'] ?? '')) return repeatList(utc)
  const ended = new AbortController()
  let fleet = await readFleet()
  const view = new LiveView({
    content: (size) => contentOf(fleet, size, { utc }),
    commands: process.stdin.isTTY === true ? COMMANDS : undefined,
    onQuit: () => ended.abort(),
    run: async ({ command: { name }, id }) => {
      const peer = fleet.peers.find(({ personality }) => personality === id)
      if (peer === undefined) view.report(`${id} is not registered any more`)
      else await runKey(view, name, peer)
    },
  })
  try {
    await followFleet((now) => {
      fleet = now
      view.draw()
    }, ended)
  } finally {
    view.close()
  }
  // A command that still runs finishes its work without this process.
  process.exit()
}
