import { setTimeout as sleep } from 'node:timers/promises'
import { mapLimit, waitUntil } from '@iapeer/core/async'
import { textOf } from './errors.ts'
import type { Problem } from './expected.ts'
import { type DrillPeer, removeDrillPeer, runningGeneration } from './peer.ts'
import type { Step } from './plan.ts'
import { removePrivateDirectory } from './private-directory.ts'

/** After so many acts a peer is removed: the daemon waits twice as long before each restart of a peer as before the last one. */
const MOST_ACTS = 4
/** How long the recorder of a running peer may be unknown. */
const KNOWN_MS = 5_000
const AT_ONCE = 4

/** A peer that runs, and the acts that it has had. */
export interface SparePeer {
  readonly peer: DrillPeer
  readonly acts: number
  /** The last one, which has left it running. */
  readonly step: Step
}

/** Something that happened to a peer between two acts. */
export interface SpareProblem {
  readonly step: Step
  readonly identity: string
  readonly gen: string
  readonly problems: readonly Problem[]
}

/** Returns what is wrong with a peer that nothing was done to since its last act. */
async function problemOf({ site, identity, generation }: DrillPeer): Promise<Problem | undefined> {
  const { gen } = generation
  site.records.look()
  if (site.records.countOf(gen) > 0)
    return { kind: 'false-record', what: 'a death is recorded after the act, although nothing was done' }
  const now = await waitUntil(() => runningGeneration(site, identity), { limitMs: KNOWN_MS, everyMs: 100 })
  if (now?.gen === gen) return undefined
  return { kind: 'wrong-state', what: 'the peer has exited after the act, although nothing was done' }
}

/** The peers that acts have left running, as they must: later acts have them, which costs no start and no stop. */
export class SparePeers {
  readonly #most: number
  #peers: SparePeer[] = []
  /** What happened to peers between two acts. */
  readonly problems: SpareProblem[] = []

  /** @param most how many are kept */
  constructor(most: number) {
    this.#most = most
  }

  /** Takes the one that has waited longest. */
  #next(isRestarted: boolean): SparePeer | undefined {
    const found = this.#peers.find(({ peer }) => peer.isRestarted === isRestarted)
    this.#peers = this.#peers.filter((one) => one !== found)
    return found
  }

  /** Keeps a peer for a later act, unless it has had enough acts or enough others are kept. @returns whether it is kept */
  keep(spare: SparePeer): boolean {
    if (spare.acts >= MOST_ACTS || this.#peers.length >= this.#most) return false
    this.#peers.push(spare)
    return true
  }

  /**
   * Takes a peer to which nothing has happened since its last act, once it has waited for the next one. What has happened to others is
   * noted, and they are removed.
   */
  async take(isRestarted: boolean, delayMs: number): Promise<SparePeer | undefined> {
    for (let spare = this.#next(isRestarted); spare !== undefined; spare = this.#next(isRestarted)) {
      await sleep(delayMs)
      if (await this.#isIntact(spare)) return spare
      for (const what of await this.#remove(spare, false)) this.#note(spare, { kind: 'leftover', what })
    }
    return undefined
  }

  #note({ peer, step }: SparePeer, problem: Problem): void {
    const { identity, generation } = peer
    this.problems.push({ step, identity, gen: generation.gen, problems: [problem] })
  }

  /** Checks that nothing has happened to a peer since its last act, and notes what has. @returns whether all is well */
  async #isIntact(spare: SparePeer): Promise<boolean> {
    const problem = await problemOf(spare.peer).catch(
      (error: unknown): Problem => ({
        kind: 'failed',
        what: `the peer could not be observed: ${textOf(error)}`,
      }),
    )
    if (problem !== undefined) this.#note(spare, problem)
    return problem === undefined
  }

  /** Removes a peer, and its home unless its files are needed to find out what has happened. @returns what is left over, in words */
  async #remove({ peer }: SparePeer, isIntact: boolean): Promise<string[]> {
    const { site, name, identity, generation, entry } = peer
    try {
      if (!(await removeDrillPeer(site, name, generation))) return [`a process of ${identity} did not exit`]
      if (!isIntact || (await removePrivateDirectory(entry.home))) return []
      return [`${entry.home} could not be removed`]
    } catch (error) {
      return [`${identity} was not removed: ${textOf(error)}`]
    }
  }

  /** Removes all. @returns what is left over, in words: nothing if all is well */
  async removeAll(): Promise<string[]> {
    const all = this.#peers
    this.#peers = []
    return (
      await mapLimit(all, AT_ONCE, async (spare) => this.#remove(spare, await this.#isIntact(spare)))
    ).flat()
  }
}
