import { isAbsolute } from 'node:path'
import * as z from 'zod/mini'
import { isPersonality, isRuntime, type Personality, type Runtime } from '../identity/identity.ts'
import { defaultIntelligence, type Intelligence, readIntelligence } from '../identity/intelligence.ts'
import { interfacesSchema } from '../profile/interfaces.ts'
import type { PeerProfile } from '../profile/profile.ts'

/** The entry of a peer in the registry: a projection of its profile. */
export interface PeerEntry {
  readonly personality: Personality
  readonly defaultRuntime: Runtime
  readonly runtimes: readonly Runtime[]
  readonly description: string
  readonly intelligence: Intelligence
  /** The directory with its `.iapeer/`, a real path. Each peer has its own. */
  readonly home: string
  /** The working directory, absolute. Several peers may share one. */
  readonly cwd: string
  readonly interfaces: Readonly<Record<string, unknown>>
}

const personality = z.custom<Personality>(isPersonality, "a peer's name")
const runtime = z.custom<Runtime>(isRuntime, 'a runtime')
const path = z.custom<string>((value) => typeof value === 'string' && isAbsolute(value), 'an absolute path')

const schema = z.object({
  personality,
  default_runtime: z.optional(runtime),
  runtime: z.optional(runtime),
  runtimes: z.optional(z.array(runtime, 'a list of runtimes')),
  description: z.optional(z.string('a text')),
  intelligence: z.optional(
    z.custom<string>((value) => readIntelligence(value) !== undefined, 'natural, artificial or absent'),
  ),
  home: z.optional(path),
  cwd: z.optional(path),
  interfaces: interfacesSchema,
})

/** An entry, or the reason why it is invalid. */
export type ParsedEntry =
  | { readonly ok: true; readonly entry: PeerEntry }
  | { readonly ok: false; readonly problem: string }

/** Parses an entry of the file. An entry of an earlier version has no `home`; its `cwd` is the home. */
export function parseEntry(value: unknown): ParsedEntry {
  const result = z.safeParse(schema, value)
  if (!result.success) {
    const [issue] = result.error.issues
    const field = issue?.path.join('.')
    return { ok: false, problem: `${field ? `${field} ` : ''}must be ${issue?.message ?? 'an object'}` }
  }
  const raw = result.data
  const defaultRuntime = raw.default_runtime ?? raw.runtime ?? raw.runtimes?.[0]
  const home = raw.home ?? raw.cwd
  if (defaultRuntime === undefined) return { ok: false, problem: 'default_runtime is missing' }
  if (home === undefined) return { ok: false, problem: 'home is missing' }
  const listed = raw.runtimes ?? []
  const entry = {
    personality: raw.personality,
    defaultRuntime,
    runtimes: listed.includes(defaultRuntime) ? listed : [defaultRuntime, ...listed],
    description: raw.description ?? '',
    intelligence: readIntelligence(raw.intelligence) ?? defaultIntelligence(defaultRuntime),
    home,
    cwd: raw.home === undefined ? home : (raw.cwd ?? home),
    interfaces: raw.interfaces ?? {},
  }
  return { ok: true, entry }
}

/** Returns the entry of a peer with this profile and home. */
export function projectProfile(profile: PeerProfile, home: string): PeerEntry {
  const { personality, defaultRuntime, runtimes, description, intelligence, interfaces } = profile
  return {
    personality,
    defaultRuntime,
    runtimes,
    description,
    intelligence,
    home,
    cwd: profile.cwd ?? home,
    interfaces,
  }
}

/** Returns an entry as it is written to the file. */
export function entryToFile(entry: PeerEntry): Record<string, unknown> {
  return {
    personality: entry.personality,
    default_runtime: entry.defaultRuntime,
    runtimes: entry.runtimes,
    description: entry.description,
    intelligence: entry.intelligence,
    home: entry.home,
    cwd: entry.cwd,
    interfaces: entry.interfaces,
  }
}
