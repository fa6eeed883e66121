import { appendFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile } from '@iapeer/core/storage'
import type { PeerSession } from './session-file.ts'

/** What a peer's program and its descendants used at one moment. */
interface UsageSample {
  /** Milliseconds since the epoch. */
  readonly atMs: number
  readonly memoryBytes: number
  /** Since its start, in milliseconds. */
  readonly cpuMs: number
  /** Threads; processes where the system does not count threads. */
  readonly tasks: number
}

/** The newest sample of a session, with what follows from the ones before. */
export interface PeerUsage extends UsageSample {
  readonly identity: Identity
  /** Undefined where nothing is recorded. */
  readonly gen: string | undefined
  /** Of one processor, over the last seconds; undefined before the second measurement. */
  readonly cpuPercent: number | undefined
  /** The most memory since its start. */
  readonly peakBytes: number
}

const KIB = 1_024

const pathOf = (root: string): string => join(rootLayout(root).usageDir, 'samples.log')
const formerPathOf = (root: string): string => `${pathOf(root)}.1`

/** Formats a line of `samples.log`: identity, generation, memory and peak in KiB, processor time in ms, tasks, percent. */
function lineOf({
  identity,
  gen = '-',
  memoryBytes,
  peakBytes,
  cpuMs,
  tasks,
  cpuPercent,
}: PeerUsage): string {
  const percent = cpuPercent === undefined ? '-' : Math.round(cpuPercent)
  return `${identity} ${gen} ${Math.round(memoryBytes / KIB)} ${Math.round(peakBytes / KIB)} ${Math.round(cpuMs)} ${tasks} ${percent}`
}

function parseLine(line: string, atMs: number): PeerUsage | undefined {
  const [identity = '', gen, memory, peak, cpu, tasks, percent] = line.split(' ')
  if (!isIdentity(identity) || percent === undefined || percent === '') return undefined
  const [memoryBytes, peakBytes] = [Number(memory) * KIB, Number(peak) * KIB]
  const [cpuMs, count] = [Number(cpu), Number(tasks)]
  if (![memoryBytes, peakBytes, cpuMs, count].every(Number.isFinite)) return undefined
  return {
    atMs,
    identity,
    gen: gen === '-' ? undefined : gen,
    memoryBytes,
    peakBytes,
    cpuMs,
    tasks: count,
    cpuPercent: percent === '-' ? undefined : Number(percent),
  }
}

/** Formats samples: a line `at <epoch ms>` before those of one moment. */
export function formatUsage(samples: readonly PeerUsage[]): string {
  const lines: string[] = []
  let atMs: number | undefined
  for (const sample of samples) {
    if (sample.atMs !== atMs) lines.push(`at ${sample.atMs}`)
    atMs = sample.atMs
    lines.push(lineOf(sample))
  }
  return lines.map((line) => `${line}\n`).join('')
}

/**
 * Appends samples to `state/usage/samples.log`. Not synced: they survive the death of this process, and a power cut may take the last
 * ones.
 * @throws the Node.js system error
 */
export function appendUsage(root: string, samples: readonly PeerUsage[]): void {
  // The first line break ends a line that a killed writer has not finished.
  appendFileSync(pathOf(root), `\n${formatUsage(samples)}`, { mode: 0o600 })
}

/** Begins a new `samples.log`; the former one stays beside it until the next call. @throws the Node.js system error */
export function rotateUsage(root: string): void {
  renameSync(pathOf(root), formerPathOf(root))
}

/** Calls `take` for each whole line of a log of samples. */
function eachSample(
  text: string,
  take: (usage: PeerUsage) => void,
  isWanted = (_line: string) => true,
): void {
  let atMs = Number.NaN
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (line.startsWith('at ')) atMs = Number(line.slice(3))
    else if (isWanted(line)) {
      const usage = parseLine(line, atMs)
      if (usage !== undefined && Number.isFinite(atMs)) take(usage)
    }
  }
}

async function textOf(path: string): Promise<string> {
  return (await readRegularFile(path))?.text ?? ''
}

/** Returns the key of a session among samples: its generation, else its identity. */
export const usageKey = ({ identity, gen }: Pick<PeerSession, 'identity' | 'gen'>): string => gen ?? identity

/** Returns the newest sample of each session of the last minutes, by its {@link usageKey}. */
export async function latestUsage(root: string): Promise<ReadonlyMap<string, PeerUsage>> {
  const found = new Map<string, PeerUsage>()
  eachSample(await textOf(pathOf(root)), (usage) => found.set(usageKey(usage), usage))
  return found
}

/** Parses what {@link formatUsage} returned. */
export function parseUsage(text: string): PeerUsage[] {
  const samples: PeerUsage[] = []
  eachSample(text, (usage) => samples.push(usage))
  return samples
}

/** Returns the samples of a generation, oldest first; at most those of the last twenty minutes are kept. */
export async function usageOf(root: string, gen: string): Promise<PeerUsage[]> {
  const samples: PeerUsage[] = []
  for (const path of [formerPathOf(root), pathOf(root)])
    eachSample(
      await textOf(path),
      (usage) => samples.push(usage),
      (line) => line.includes(` ${gen} `),
    )
  return samples
}
