import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { type ProcessId, parseProcessId } from '@iapeer/core/process'
import { readIfExists } from '@iapeer/core/storage'
import { type CanaryOptions, checkedLocation, checkGen } from './options.ts'
import type { GenerationName } from './state-file.ts'

/** The claim of a death: its facts, and the recorder that writes the record. */
export interface Claim {
  /** A wait status or exit code, `k<signal>`, `boot`, `lost`, `removed` or `unknown`; empty while the facts are missing. */
  readonly rc: string
  /** `server-exit`: the tmux server exited. `session-exit`: the leader of its session exited. */
  readonly event: 'server-exit' | 'session-exit'
  /** Pid and start token of the recorder; undefined while the facts are missing. */
  readonly recorder: ProcessId | undefined
  /** What systemd reported at the death; undefined if it was not asked, or has not answered yet. */
  readonly system: 'host-shutdown' | 'service-stop' | 'none' | undefined
  /** The time of death, ISO-8601 UTC; without facts, the time of the claim. */
  readonly ts: string
}

const SYSTEM = { hs: 'host-shutdown', ss: 'service-stop', no: 'none' } as const

interface Found {
  readonly text: string
  readonly modifiedMs: number
}

/** Reads a claim: a file, or a symbolic link with the same text (recorders of format 1). */
function find(path: string): Found | undefined {
  try {
    const found = lstatSync(path)
    const text = found.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'utf8')
    return { text, modifiedMs: found.mtimeMs }
  } catch (error) {
    const code = errnoOf(error)
    // It has just been pruned, or the path holds something else.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL' || code === 'EISDIR') return undefined
    throw error
  }
}

const claimPath = (layout: RecordLayout, { identity, gen }: GenerationName): string =>
  join(layout.deathsDir, `${identity}-${gen}.claim`)

/** Returns when a claim was made, in milliseconds since the epoch; undefined without a claim. */
export function claimedAtMs(layout: RecordLayout, name: GenerationName): number | undefined {
  return lstatSync(claimPath(layout, name), { throwIfNoEntry: false })?.mtimeMs
}

type Fields = ReadonlyMap<string, string>

const parseFields = (text: string): Fields =>
  new Map(
    text.split(/[,\n]/).map((field): [string, string] => {
      const at = field.indexOf('=')
      return [field.slice(0, at), field.slice(at + 1).trimEnd()]
    }),
  )

/** Reads the facts from the two prepared files; if both hold facts, the earlier death counts. */
function preparedFields(layout: RecordLayout, { identity, gen }: GenerationName): Fields {
  const state = join(layout.canaryDir, `${identity}-${gen}`)
  const noted = [`${state}.leader-facts`, `${state}.facts`]
    .map((path) => parseFields((readIfExists(path) ?? '').split('\n', 1)[0] ?? ''))
    .filter((fields) => fields.has('rc'))
  return noted.sort((a, b) => (timeOf(a.get('ts')) ?? 0) - (timeOf(b.get('ts')) ?? 0))[0] ?? new Map()
}

/** Parses a time in epoch milliseconds, or in seconds from a system without milliseconds. */
function timeOf(stamp: string | undefined): number | undefined {
  const ms = Number(stamp) * ((stamp ?? '').length > 11 ? 1 : 1_000)
  return ms > 0 && ms < 8.64e15 ? ms : undefined
}

/** Reads the claim of a generation; undefined while its death is not claimed. */
export function findClaim(layout: RecordLayout, name: GenerationName): Claim | undefined {
  const found = find(claimPath(layout, name))
  if (found === undefined) return undefined
  const own = parseFields(found.text)
  // On a full disk the claim is empty.
  const fields = own.has('rc') ? own : preparedFields(layout, name)
  const system = own.get('c')
  return {
    rc: fields.get('rc') ?? '',
    event: fields.get('ev') === 'session' ? 'session-exit' : 'server-exit',
    recorder: parseProcessId(fields.get('rec') ?? ''),
    system: system === 'hs' || system === 'ss' || system === 'no' ? SYSTEM[system] : undefined,
    ts: new Date(timeOf(fields.get('ts')) ?? found.modifiedMs).toISOString(),
  }
}

/**
 * Reads the claim of a generation: the facts of its death, also before the record is written. Undefined while its death is
 * not claimed.
 * @throws IapeerError `invalid-identity`, `invalid-path`, `invalid-options`
 */
export function readClaim(
  options: CanaryOptions & {
    /** 16 hex digits, from `ensureCanary` or `canaryStatus`. */
    readonly gen: string
  },
): Claim | undefined {
  const { identity, layout } = checkedLocation(options)
  return findClaim(layout, { identity, gen: checkGen(options.gen) })
}
