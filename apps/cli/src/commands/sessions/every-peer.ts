import { isIapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { fleetView, type PeerView } from '@iapeer/lifecycle/fleet'
import { EXIT, exitCodeOf, explain } from '../../exit-code.ts'
import { isInterrupted } from '../../interrupt.ts'
import { paint, print } from '../../output.ts'
import { durationText } from '../../times.ts'

/** The number of peers that are handled at the same time. */
const CONCURRENCY = 4
/** How often a peer that takes long is reported, in milliseconds. */
const REPORT_MS = 10_000

/** Why a command leaves out a peer. */
export interface Skip {
  /** For the summary: `already running`. */
  readonly reason: string
  /** A line about the peer; undefined: it is only counted. */
  readonly line?: string | undefined
}

/** What a command does with every peer. */
export interface EveryPeer {
  /** Returns why a peer is left out; undefined to act on it. */
  readonly skip: (peer: PeerView) => Skip | undefined
  /** Acts on a peer and prints the result. @returns what was done, for the summary: `started` */
  readonly act: (peer: string) => Promise<string>
  /** What is being done to a peer: `starting`. */
  readonly verb: string
  /** Whether a line is printed for each peer when the command begins with it. */
  readonly announces?: boolean
  /** How many peers are handled at the same time. @default 4 */
  readonly atOnce?: number
  /** Prints nothing but errors and what `act` prints. */
  readonly json: boolean
}

/** Counts peers by what was done with them. */
class Tally {
  readonly #counts = new Map<string, number>()

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  /** Returns the counts in the order of their first peer: `3 started, 1 failed`; empty if nothing was counted. */
  text(): string {
    return [...this.#counts].map(([what, count]) => `${count} ${what}`).join(', ')
  }
}

/** The peers that are being handled. Prints those that take long, so that a wait is not silent. */
class Pending {
  readonly #since = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  constructor(verb: string) {
    this.#timer = setInterval(() => this.#report(verb), REPORT_MS).unref()
  }

  begin(peer: string): void {
    this.#since.set(peer, performance.now())
  }

  end(peer: string): void {
    this.#since.delete(peer)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #report(verb: string): void {
    const now = performance.now()
    const slow = [...this.#since].filter(([, since]) => now - since >= REPORT_MS / 2)
    if (slow.length === 0) return
    const texts = slow.map(([peer, since]) => `${peer} (${durationText(now - since)})`)
    process.stderr.write(`iapeer: still ${verb} ${texts.join(', ')}\n`)
  }
}

/** Sets the exit code: that of the errors if all have the same, else 1; after Ctrl-C 130. */
function setExitCode(failures: readonly number[]): void {
  const [first, ...others] = new Set(failures)
  if (first !== undefined) process.exitCode = others.length === 0 ? first : EXIT.failed
  if (isInterrupted()) process.exitCode = EXIT.interrupted
}

/**
 * Acts on every peer that is not skipped, a few at a time, and prints a summary. The error of a peer is printed with its name, and
 * the others are handled nevertheless. After Ctrl-C it begins no further peer.
 */
export async function forAll({
  skip,
  act,
  verb,
  announces,
  atOnce = CONCURRENCY,
  json,
}: EveryPeer): Promise<void> {
  const peers = (await fleetView(iapeerRoot())).map((peer) => ({ peer, skipped: skip(peer) }))
  const [done, left, failures] = [new Tally(), new Tally(), [] as number[]]
  for (const { skipped } of peers) {
    if (skipped === undefined) continue
    left.add(skipped.reason)
    if (!json && skipped.line !== undefined) print(skipped.line)
  }
  const pending = new Pending(verb)
  const handle = async (name: string): Promise<void> => {
    if (announces === true && !json) print(`${paint('dim', '○')} ${verb} ${paint('bold', name)}`)
    pending.begin(name)
    try {
      done.add(await act(name))
    } catch (error) {
      // Any error concerns one peer only.
      failures.push(exitCodeOf(error))
      done.add(isIapeerError(error) && error.code === 'interrupted' ? 'interrupted' : 'failed')
      process.stderr.write(explain(error, name))
    } finally {
      pending.end(name)
    }
  }
  // All workers take from one iterator.
  const names = peers
    .flatMap(({ peer, skipped }) => (skipped === undefined ? [peer.personality] : []))
    .values()
  const worker = async (): Promise<void> => {
    for (const name of names) {
      if (isInterrupted()) left.add('not begun')
      else await handle(name)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  pending.close()
  setExitCode(failures)
  if (!json) print(summaryOf(done.text(), left.text()))
}

/** Returns the last line: `2 started, 1 failed; skipped: 1 already running`. */
function summaryOf(done: string, left: string): string {
  if (done === '' && left === '') return 'no peers'
  return [...(done === '' ? [] : [done]), ...(left === '' ? [] : [`skipped: ${left}`])].join('; ')
}
