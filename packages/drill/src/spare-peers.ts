import type { DrillPeer } from './peer.ts'

/** After so many acts a peer is removed: the daemon waits twice as long before each restart of a peer as before the one before. */
const MOST_ACTS = 4

/** A peer that runs, and how many acts it has had. */
interface SparePeer {
  readonly peer: DrillPeer
  readonly acts: number
}

/** The peers that acts have left running, as they must: the next acts have them, which costs no start and no stop. */
export class SparePeers {
  readonly #most: number
  #peers: SparePeer[] = []

  /** @param most how many are kept */
  constructor(most: number) {
    this.#most = most
  }

  /** Takes the one that has waited longest. */
  take(isRestarted: boolean): SparePeer | undefined {
    const found = this.#peers.find(({ peer }) => peer.isRestarted === isRestarted)
    this.#peers = this.#peers.filter((one) => one !== found)
    return found
  }

  /** Keeps a peer, unless it has had enough acts or enough others are kept. @returns whether it is kept */
  keep(spare: SparePeer): boolean {
    if (spare.acts >= MOST_ACTS || this.#peers.length >= this.#most) return false
    this.#peers.push(spare)
    return true
  }

  /** Takes all. */
  takeAll(): DrillPeer[] {
    const all = this.#peers.map(({ peer }) => peer)
    this.#peers = []
    return all
  }
}
