import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { type ProcessId, parseProcessId } from '@iapeer/core/process'
import { readIfExists } from '@iapeer/core/storage'
import { type CanaryOptions, checkedLocation, checkGen } from './options.ts'
import type { GenerationName } from './state-file.ts'

/** What the claim of a generation says: how it ended, and which recorder writes the record. */
export interface Claim {
  /** A wait status or exit code, `k<signal>`, `boot`, `lost`, `removed` or `unknown`; empty while the facts are not there. */
  readonly rc: string
  /** `server-exit`: the tmux server ended. `session-exit`: the leader of its session did. */
  readonly event: 'server-exit' | 'session-exit'
  /** Pid and start token of the recorder; undefined while the facts are not there. */
  readonly recorder: ProcessId | undefined
  /** What systemd said of the end; undefined where it was not asked, or not yet. */
  readonly system: 'host-shutdown' | 'service-stop' | 'none' | undefined
  /** ISO-8601 UTC; the claim's own time where its facts are not there. */
  readonly ts: string
}

const SYSTEM = { hs: 'host-shutdown', ss: 'service-stop', no: 'none' } as const

interface Found {
  readonly text: string
  readonly modifiedMs: number
}

/** A claim is a file; recorders of format 1 made symbolic links whose text is the same. */
function find(path: string): Found | undefined {
  try {
    const found = lstatSync(path)
    const text = found.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'utf8')
    return { text, modifiedMs: found.mtimeMs }
  } catch (error) {
    const code = errnoOf(error)
    // It was pruned in between, or something else stands in its place.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL' || code === 'EISDIR') return undefined
    throw error
  }
}

const claimPath = (layout: RecordLayout, { identity, gen }: GenerationName): string =>
  join(layout.deathsDir, `${identity}-${gen}.claim`)

/** When a claim was made, in milliseconds since the epoch; undefined where there is none. */
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

/** What recorders have noted in the files that were prepared for it: the earliest of the two came first. */
function preparedFields(layout: RecordLayout, { identity, gen }: GenerationName): Fields {
  const state = join(layout.canaryDir, `${identity}-${gen}`)
  const noted = [`${state}.leader-facts`, `${state}.facts`]
    .map((path) => parseFields((readIfExists(path) ?? '').split('\n', 1)[0] ?? ''))
    .filter((fields) => fields.has('rc'))
  return noted.sort((a, b) => (timeOf(a.get('ts')) ?? 0) - (timeOf(b.get('ts')) ?? 0))[0] ?? new Map()
}

/** Epoch seconds where the system has no milliseconds. */
function timeOf(stamp: string | undefined): number | undefined {
  const ms = Number(stamp) * ((stamp ?? '').length > 11 ? 1 : 1_000)
  return ms > 0 && ms < 8.64e15 ? ms : undefined
}

/** Reads the claim of a generation; undefined while its end is not claimed. */
export function findClaim(layout: RecordLayout, name: GenerationName): Claim | undefined {
  const found = find(claimPath(layout, name))
  if (found === undefined) return undefined
  const own = parseFields(found.text)
  // A full disk has kept the facts out of the claim.
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
 * Reads the claim of a generation: how it ended, before its record is written. Undefined while its end is not claimed.
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
