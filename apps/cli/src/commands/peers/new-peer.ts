import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { type Intelligence, readIntelligence, toRuntime } from '@iapeer/core/identity'
import type { NewPeer, PeerEntry } from '@iapeer/core/registry'
import { peerFields } from '@iapeer/lifecycle/fleet'
import type { OptionValues } from '../../command-spec.ts'
import { usageError } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { table } from '../../table.ts'
import type { TakenFromPane } from './from-pane.ts'

/** @throws IapeerError `usage` */
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
    'Make it first, or name another.',
  )
}

/** @throws IapeerError `usage` */
function parseIntelligence(text: string): Intelligence {
  const intelligence = readIntelligence(text)
  if (intelligence !== undefined) return intelligence
  throw usageError(`not a nature: ${JSON.stringify(text)}`, 'Use natural, artificial or absent.')
}

/** Options of what makes a peer. */
export const PROFILE_OPTIONS = {
  runtime: { value: 'runtime', help: 'how it is present: claude, codex, command, ... (default: claude)' },
  description: { value: 'text', help: 'what it does, for the other peers; at most 450 characters' },
  intelligence: {
    value: 'nature',
    help: 'natural, artificial or absent (default: by its runtime)',
    parse: parseIntelligence,
  },
} as const

/** @throws IapeerError `usage` where runtime and program do not go together */
export function runtimeFields(
  runtime: string | undefined,
  command: readonly string[],
): Pick<NewPeer, 'defaultRuntime' | 'command'> {
  const [program] = command
  const defaultRuntime = toRuntime(runtime ?? (program === undefined ? 'claude' : 'command'))
  if (program === undefined && defaultRuntime === 'command')
    throw usageError(
      'a peer of the runtime command needs its program',
      'iapeer create NAME -- PROGRAM [ARGUMENTS]',
    )
  if (program === undefined) return { defaultRuntime }
  if (defaultRuntime !== 'command')
    throw usageError(
      `the runtime ${defaultRuntime} has a program of its own; ${JSON.stringify(program)} was given besides`,
      'Leave out --runtime to run your program, or the program to use that runtime.',
    )
  return { defaultRuntime, command }
}

/** What the options say of the profile; what they leave out has a default. */
export function profileFields({
  description,
  intelligence,
}: OptionValues<typeof PROFILE_OPTIONS>): Pick<NewPeer, 'description' | 'intelligence'> {
  return {
    ...(intelligence === undefined ? {} : { intelligence }),
    ...(description === undefined ? {} : { description }),
  }
}

/** Prints what came of it. */
export function printNewPeer(
  entry: PeerEntry,
  { said, json, taken }: { readonly said: string; readonly json: boolean; readonly taken?: TakenFromPane },
): void {
  if (json) {
    printJson({ ...peerFields(entry), ...taken?.json })
    return
  }
  print(`${paint('green', '●')} ${paint('bold', entry.personality)} ${said}`)
  const rows = [['home', entry.home], ...(entry.cwd === entry.home ? [] : [['cwd', entry.cwd]])]
  print(table([...rows, ...(taken?.rows ?? [])].map(([key, value]) => [`  ${key}`, plain(value ?? '')])))
  for (const hint of taken?.hints ?? []) print(`  ${plain(hint)}`)
}
