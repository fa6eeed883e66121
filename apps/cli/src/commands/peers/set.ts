import { isLimitName, LIMIT_NAMES } from '@iapeer/core/limits'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  CLEARABLE_FIELDS,
  FILE_FIELDS,
  fieldValues,
  OWN_FIELDS,
  profileChanges,
  readProfile,
} from '@iapeer/core/profile'
import { updatePeer } from '@iapeer/core/registry'
import { splitWords } from '@iapeer/core/storage'
import { defineCommand } from '../../define-command.ts'
import { didYouMean } from '../../did-you-mean.ts'
import { usageError } from '../../exit-code.ts'
import { commandText, plain, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { limitChanges, limitLines, limitsEdit } from './limit-changes.ts'
import { reportUnenforced } from './limits-text.ts'
import { existingDirectory, PERMISSIONS_OPTION } from './new-peer.ts'
import { reportNotRestarted } from './not-restarted.ts'
import { PEER } from './peer-argument.ts'
import { peerEntry } from './peer-entry.ts'
import { reportMissingDaemon } from './without-daemon.ts'

/** The fields of a profile, with each limit in place of the section `limits`. */
const KEYS: readonly string[] = [
  ...FILE_FIELDS.map(([, name]) => name).filter(
    (name) => name !== 'personality' && name !== 'limits' && !OWN_FIELDS.has(name),
  ),
  ...LIMIT_NAMES,
]

/** The fields that apply to a running peer; the others apply from its next start. */
const APPLY_NOW: ReadonlySet<string> = new Set([
  ...['description', 'runtimes', 'wake_policy', 'restart', 'after_reboot', 'idle_secs'],
])

interface Assignment {
  readonly key: string
  readonly text: string
}

/** Reads `key=value`. A key may have dashes for its underscores. @throws IapeerError `usage` */
function parseAssignment(word: string): Assignment {
  const at = word.indexOf('=')
  if (at < 1)
    throw usageError(
      `expected key=value, but got ${JSON.stringify(word)}`,
      `Keys: ${KEYS.join(', ')}. An empty value removes a key.`,
    )
  const key = word.slice(0, at).replaceAll('-', '_')
  if (KEYS.includes(key)) return { key, text: word.slice(at + 1) }
  if (key === 'personality' || key === 'name')
    throw usageError('set cannot change the name of a peer', 'Use iapeer rename PEER NAME.')
  throw usageError(
    `unknown key ${JSON.stringify(key)}`,
    `${didYouMean(key, KEYS)} Keys: ${KEYS.join(', ')}.`.trim(),
  )
}

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  idle_secs: (text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : text),
  runtimes: (text) => text.split(',').map((one) => one.trim()),
  command: (text) => splitWords(text) ?? text,
  cwd: (text) => existingDirectory('cwd', text),
}

/** Returns the value as the file has it; null removes the field. @throws IapeerError `usage` */
async function readValue({ key, text }: Assignment): Promise<unknown> {
  if (text !== '') return READERS[key] === undefined ? text : READERS[key](text)
  if (key === 'description') return ''
  if (CLEARABLE_FIELDS.has(key)) return null
  throw usageError(`${key} cannot be removed`, `Use ${key}=VALUE.`)
}

function shown(value: unknown): string {
  if (value === undefined || value === '') return 'unset'
  if (Array.isArray(value)) return commandText(value.map(String))
  return String(value)
}

export default defineCommand({
  name: 'set',
  summary: 'change the profile of a peer, for example restart=on-failure; an empty value removes a key',
  details: `Limits: memory=4G, memory_high=3G, tasks=512, cpu_weight=50. The value none sets
no limit; default removes the limit from the profile, so that limits.* of
config.toml applies. docs/configuration.md says what each limit does.`,
  exitCodes: { 2: 'unknown key, or a value that it cannot have', 4: 'no such peer' },
  args: {
    peer: PEER,
    changes: {
      label: 'key=value',
      variadic: true,
      optional: true,
      help: KEYS.join(', '),
      parse: parseAssignment,
    },
  },
  options: { permissions: PERMISSIONS_OPTION, json: JSON_OUTPUT },
  run: async ({ args: { peer, changes: given }, options: { permissions, json } }) => {
    const assignments = [
      ...given,
      ...(permissions === undefined ? [] : [{ key: 'permissions', text: permissions }]),
    ]
    if (assignments.length === 0)
      throw usageError(
        'nothing to set',
        `Give key=value, for example restart=on-failure. Keys: ${KEYS.join(', ')}.`,
      )
    const values = new Map<string, unknown>()
    for (const one of assignments) if (!isLimitName(one.key)) values.set(one.key, await readValue(one))
    const changes = profileChanges(values)
    const limits = limitChanges(assignments)
    const { personality, home } = await peerEntry(peer)
    const before = await readProfile(home)
    const permits = { lowerIntelligence: true, emptyDescription: true }
    const { profile } = await updatePeer(
      iapeerRoot(),
      personality,
      (old) => ({ ...changes, ...limitsEdit(old, limits) }),
      permits,
    )
    const former = before === undefined ? new Map<string, unknown>() : fieldValues(before)
    const present = fieldValues(profile)
    if (json)
      return printJson({
        personality,
        ...Object.fromEntries([...values.keys()].map((key) => [key, present.get(key) ?? null])),
        ...(limits.size === 0 ? {} : { limits: profile.limits ?? {} }),
      })
    for (const key of values.keys()) {
      const when = APPLY_NOW.has(key) ? 'applies now' : 'applies from the next start'
      print(plain(`${key}: ${shown(former.get(key))} -> ${shown(present.get(key))} (${when})`))
    }
    for (const line of limitLines(limits, { name: personality, before: before ?? profile, after: profile }))
      print(plain(line))
    if (limits.size > 0) await reportUnenforced()
    await reportMissingDaemon(profile)
    if (values.has('restart')) await reportNotRestarted(profile)
  },
})
