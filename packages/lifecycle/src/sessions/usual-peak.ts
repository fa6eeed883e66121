import { join } from 'node:path'
import { type Identity, isIdentity, parseIdentity, type Runtime } from '@iapeer/core/identity'
import { fieldsOf, list, number, parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile, withLock } from '@iapeer/core/storage'
import { latestUsage, type PeerUsage } from './usage-log.ts'

/** The most memory that a session used. */
interface Peak {
  readonly identity: Identity
  readonly peakBytes: number
}

const MIB = 1_024 ** 2
/**
 * What an agent needs before any session of its runtime was measured. At their first prompt, Claude Code 2.1.332 uses 201 MiB and Codex
 * 0.171.0 163 MiB; work needs more.
 */
const DEFAULT_PEAKS: Readonly<Record<string, number>> = { claude: 400 * MIB, codex: 250 * MIB }
/** How many sessions of each runtime are remembered. */
const KEPT = 32

const pathOf = (root: string): string => join(rootLayout(root).usageDir, 'peaks.json')
const runtimeOf = (identity: Identity): Runtime | undefined => parseIdentity(identity)?.runtime

/** Reads the peaks of the last sessions, oldest first. A file that cannot be parsed counts as empty: it is learned again. */
async function readPeaks(root: string): Promise<Peak[]> {
  const fields = parseFields((await readRegularFile(pathOf(root)))?.text ?? '')
  return list(fields?.['peaks']).flatMap((value) => {
    const one = fieldsOf(value)
    const [identity, peakBytes] = [text(one['identity']) ?? '', number(one['peakBytes'])]
    return isIdentity(identity) && peakBytes !== undefined ? [{ identity, peakBytes }] : []
  })
}

/** Remembers the most memory that a session used, after its end. */
export async function notePeak(root: string, { identity, peakBytes }: Peak): Promise<void> {
  await withLock(`${pathOf(root)}.lock`, async () => {
    const isSame = (one: Peak): boolean => runtimeOf(one.identity) === runtimeOf(identity)
    const peaks = await readPeaks(root)
    const same = [...peaks.filter(isSame), { identity, peakBytes }].slice(-KEPT)
    const all = [...peaks.filter((one) => !isSame(one)), ...same]
    await replaceFile(pathOf(root), `${JSON.stringify({ schemaVersion: 1, peaks: all })}\n`)
  })
}

/** Returns the middle one of some numbers, the higher of the two middle ones. */
function median(values: readonly number[]): number | undefined {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]
}

/**
 * Returns how much memory a peer usually needs at most, in bytes: the median of its own last sessions, else that of its runtime,
 * with those that run now, else a default. The median, because the session that caused an out-of-memory is not a usual one. Pure.
 */
export function usualPeakOf(identity: Identity, past: readonly Peak[], running: readonly Peak[]): number {
  const runtime = runtimeOf(identity)
  const all = [...past, ...running]
  const peaksOf = (isWanted: (peak: Peak) => boolean): number[] =>
    all.flatMap((peak) => (isWanted(peak) ? [peak.peakBytes] : []))
  return (
    median(peaksOf((peak) => peak.identity === identity)) ??
    median(peaksOf((peak) => runtimeOf(peak.identity) === runtime)) ??
    DEFAULT_PEAKS[runtime ?? ''] ??
    0
  )
}

/** Returns how much memory a peer usually needs at most: {@link usualPeakOf}. */
export async function usualPeak(root: string, identity: Identity): Promise<number> {
  const running: readonly PeerUsage[] = [...(await latestUsage(root)).values()]
  return usualPeakOf(identity, await readPeaks(root), running)
}
