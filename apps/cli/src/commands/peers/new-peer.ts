import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { type Intelligence, readIntelligence, toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { DEFAULT_PERMISSIONS, PERMISSIONS, type Permissions, RESTART_POLICIES } from '@iapeer/core/profile'
import { type NewPeer, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { peerFields } from '@iapeer/lifecycle/fleet'
import { hasPermissions } from '@iapeer/lifecycle/runtimes'
import type { OptionValues } from '../../command-spec.ts'
import { usageError } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { table } from '../../table.ts'
import { oneOf } from '../options.ts'
import type { ImportedPane } from './from-pane.ts'

/** Returns the absolute path of an existing directory. @throws IapeerError `usage`, which calls the path `what` */
export async function existingDirectory(what: string, path: string): Promise<string> {
  const absolute = resolve(path)
  try {
    if (path !== '' && (await stat(absolute)).isDirectory()) return absolute
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
  throw usageError(
    `${what} is not a directory: ${path === '' ? '(empty)' : absolute}`,
    'Create it first, or use another directory.',
  )
}

/** @throws IapeerError `usage` */
function parseIntelligence(text: string): Intelligence {
  const intelligence = readIntelligence(text)
  if (intelligence !== undefined) return intelligence
  throw usageError(
    `invalid --intelligence ${JSON.stringify(text)}: expected a kind of peer`,
    'Use natural (a person), artificial (an agent) or absent (a script).',
  )
}

/** @throws IapeerError `usage` */
const parseRestart = oneOf(RESTART_POLICIES, (text) =>
  usageError(
    `invalid --restart ${JSON.stringify(text)}: expected ${RESTART_POLICIES.join(', ')}`,
    'no: never; on-failure: after a death; always: also after exit code 0; resume: with the former conversation; resume-or-fresh: with a new one if that fails.',
  ),
)

/** @throws IapeerError `usage` */
const parsePermissions = oneOf(PERMISSIONS, (text) =>
  usageError(
    `invalid --permissions ${JSON.stringify(text)}: expected ${PERMISSIONS.join(', ')}`,
    'ask: the agent asks before it acts; own: its own settings decide; skip: it never asks.',
  ),
)

export const PERMISSIONS_OPTION = {
  value: 'mode',
  help: 'for claude and codex: ask (before it acts), own (its own settings decide) or skip (never ask)',
  parse: parsePermissions,
} as const

/** The options of commands that create a peer. */
export const PROFILE_OPTIONS = {
  runtime: { value: 'runtime', help: 'kind of program: claude, codex, command, ... (default: claude)' },
  description: { value: 'text', help: 'what the peer does, for other peers; at most 450 characters' },
  intelligence: {
    value: 'kind',
    help: 'natural, artificial or absent: a person, an agent or a script (default: depends on the runtime)',
    parse: parseIntelligence,
  },
  restart: {
    value: 'policy',
    help: 'when the daemon restarts it: no, on-failure, always, resume (with its conversation), or resume-or-fresh (default: no)',
    parse: parseRestart,
  },
  permissions: { ...PERMISSIONS_OPTION, help: `${PERMISSIONS_OPTION.help} (default: ask)` },
  trust: {
    help: 'let iapeer tell claude or codex to trust the working directory; for a directory that iapeer creates, that is the default',
  },
} as const

/** Returns the runtime of a new peer, and its program if it has one. @throws IapeerError `usage` if they do not fit together */
export function runtimeFields(
  runtime: string | undefined,
  command: readonly string[],
): Pick<NewPeer, 'defaultRuntime' | 'command'> {
  const [program] = command
  const defaultRuntime = toRuntime(runtime ?? (program === undefined ? 'claude' : 'command'))
  if (program === undefined && defaultRuntime === 'command')
    throw usageError(
      'a peer with the runtime command needs a program',
      'Pass it after --: iapeer create NAME -- PROGRAM [ARGUMENTS]',
    )
  if (program === undefined) return { defaultRuntime }
  if (defaultRuntime !== 'command')
    throw usageError(
      `--runtime ${defaultRuntime} cannot be combined with a program (${JSON.stringify(program)})`,
      'Omit --runtime to run that program, or omit the program to use that runtime.',
    )
  return { defaultRuntime, command }
}

/**
 * Returns the permissions of a new peer: for an agent, the chosen ones or the default; for any other runtime, none.
 * @throws IapeerError `usage`
 */
export function permissionFields(
  runtime: string,
  permissions: Permissions | undefined,
): { readonly permissions?: Permissions } {
  if (hasPermissions(runtime)) return { permissions: permissions ?? DEFAULT_PERMISSIONS }
  if (permissions === undefined) return {}
  throw usageError(
    `--permissions does not apply to the runtime ${runtime}`,
    'Omit it: iapeer knows the permissions of claude and codex only.',
  )
}

/** Returns the fields of the profile that the options set. */
export function profileFields({
  description,
  intelligence,
  restart,
}: Pick<OptionValues<typeof PROFILE_OPTIONS>, 'description' | 'intelligence' | 'restart'>): Pick<
  NewPeer,
  'description' | 'intelligence' | 'restart'
> {
  return {
    ...(intelligence === undefined ? {} : { intelligence }),
    ...(restart === undefined ? {} : { restart }),
    ...(description === undefined ? {} : { description }),
  }
}

/** What the permissions of a peer mean, in a few words. */
export const PERMISSIONS_TEXT = {
  ask: 'ask: the agent asks before it acts',
  own: "own: the agent's own settings and arguments decide",
  skip: 'skip: the agent acts without asking',
} as const satisfies Record<Permissions, string>

/** Records in the profile of a peer that iapeer may trust its working directory. */
export async function trustDirectory({ personality, cwd }: PeerEntry): Promise<void> {
  await updatePeer(iapeerRoot(), personality, { trustedCwd: cwd })
}

interface PrintPeerOptions {
  readonly permissions?: Permissions | undefined
  readonly done: 'created' | 'registered'
  readonly json: boolean
  readonly imported?: ImportedPane
}

/** Prints a peer that was created or registered. */
export function printPeer(entry: PeerEntry, { done, json, imported, permissions }: PrintPeerOptions): void {
  if (json) {
    printJson({
      ...peerFields(entry),
      ...(permissions === undefined ? {} : { permissions }),
      ...imported?.json,
    })
    return
  }
  print(`${paint('green', '●')} ${done} ${paint('bold', entry.personality)} (${entry.defaultRuntime})`)
  const rows = [
    ['home', entry.home],
    ...(entry.cwd === entry.home ? [] : [['cwd', entry.cwd]]),
    ...(permissions === undefined ? [] : [['permissions', PERMISSIONS_TEXT[permissions]]]),
  ]
  print(table([...rows, ...(imported?.rows ?? [])].map(([key, value]) => [`  ${key}`, plain(value ?? '')])))
  for (const hint of imported?.hints ?? []) print(`  ${plain(hint)}`)
}
