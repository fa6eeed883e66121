import { endOfClaim, type PeerStatus, readClaim, STATE_AFTER } from '../sessions/index.ts'

/**
 * Returns a status with the end of its last session counted, where that end is claimed but not settled: it is settled a moment
 * later, or once a full disk has space again, and until then the state would be that of the session before.
 */
export function withUnsettledEnd(root: string, status: PeerStatus): PeerStatus {
  const { unsettled, tally, state } = status
  if (unsettled?.gen === undefined || state === 'stopped') return status
  const { gen, recordedAs } = unsettled
  const claim = readClaim(root, { ...unsettled, gen })
  if (claim === undefined || tally.endings.some((one) => one.gen === gen)) return status
  const end = endOfClaim(claim)
  const named = recordedAs === undefined ? {} : { recordedAs }
  const ending = { gen, ts: claim.ts, crash: end === 'crash', death: true, ...named }
  return {
    ...status,
    state: STATE_AFTER[end],
    tally: { ...tally, lastEnd: end, endings: [...tally.endings, ending] },
  }
}
