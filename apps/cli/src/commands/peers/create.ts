import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { readIntelligence, toPersonality, toRuntime } from '@iapeer/core/identity'
import { personalityFromName } from '@iapeer/core/names'
import { iapeerRoot } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { createPeer, type NewPeer, type PeerEntry, upsertPeer } from '@iapeer/core/registry'
import { peerFields } from '@iapeer/lifecycle/fleet'
import { usageError } from '../../exit-code.ts'
import { paint, plain, print, printJson, table } from '../../output.ts'
import type { TakenFromPane } from './from-pane.ts'

interface SaidOfIt {
  readonly runtime?: string
  readonly description?: string
  readonly intelligence?: string
  readonly json?: boolean
}

interface CreateOptions extends SaidOfIt {
  readonly home?: string
  readonly cwd?: string
  readonly fromPane?: string
}

interface InitOptions extends SaidOfIt {
  readonly name?: string
}

async function existingFolder(what: string, path: string): Promise<string> {
  const absolute = resolve(path)
  try {
    if (path !== '' && (await stat(absolute)).isDirectory()) return absolute
  } catch (error) {
    const code = errnoOf(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
  throw usageError(
    `${what} is not a folder: ${path === '' ? '(empty)' : absolute}`,
    'Make it first, or name another.',
  )
}

function natureOf(text: string | undefined): Pick<NewPeer, 'intelligence'> {
  if (text === undefined) return {}
  const intelligence = readIntelligence(text)
  if (intelligence !== undefined) return { intelligence }
  throw usageError(`not a nature: ${JSON.stringify(text)}`, 'Use natural, artificial or absent.')
}

function runtimeFields(
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

function saidOfIt(options: SaidOfIt): Pick<NewPeer, 'description' | 'intelligence'> {
  const { description } = options
  return {
    ...natureOf(options.intelligence),
    ...(description === undefined ? {} : { description }),
  }
}

function tell(entry: PeerEntry, what: string, options: SaidOfIt, taken?: TakenFromPane): void {
  if (options.json === true) {
    printJson({ ...peerFields(entry), ...taken?.json })
    return
  }
  print(`${paint('green', '●')} ${paint('bold', entry.personality)} ${what}`)
  const rows = [['home', entry.home], ...(entry.cwd === entry.home ? [] : [['cwd', entry.cwd]])]
  print(table([...rows, ...(taken?.rows ?? [])].map(([key, value]) => [`  ${key}`, plain(value ?? '')])))
  for (const hint of taken?.hints ?? []) print(`  ${plain(hint)}`)
}

export async function create(
  name: string,
  command: readonly string[],
  options: CreateOptions,
): Promise<void> {
  const personality = toPersonality(name)
  if (options.home === '') throw usageError('--home is empty', 'Name a folder, or leave it out.')
  const said = {
    personality,
    ...saidOfIt(options),
    ...(options.home === undefined ? {} : { home: resolve(options.home) }),
  }
  const cwd = options.cwd === undefined ? {} : { cwd: await existingFolder('--cwd', options.cwd) }
  const { fromPane, runtime } = options
  if (fromPane === undefined) {
    const entry = await createPeer(iapeerRoot(), { ...said, ...runtimeFields(runtime, command), ...cwd })
    tell(entry, `is a peer (${entry.defaultRuntime})`, options)
    return
  }
  const { readFromPane, takenFromPane } = await import('./from-pane.ts')
  const wanted = { fromPane, ...cwd, ...(runtime === undefined ? {} : { runtime }) }
  const { reading, fields } = await readFromPane(wanted, command)
  const entry = await createPeer(iapeerRoot(), { ...said, ...fields })
  tell(entry, `is a peer (${entry.defaultRuntime})`, options, takenFromPane(reading, fields))
}

/** A folder that has a profile keeps what it says; what is given besides is for a new one. */
export async function init(folder: string | undefined, options: InitOptions): Promise<void> {
  const home = await existingFolder('the folder', folder ?? '.')
  const root = iapeerRoot()
  const profile = await readProfile(home)
  if (profile === undefined) {
    const personality =
      options.name === undefined ? personalityFromName(basename(home)) : toPersonality(options.name)
    const entry = await createPeer(root, {
      personality,
      home,
      ...runtimeFields(options.runtime, []),
      ...saidOfIt(options),
    })
    tell(entry, `is a peer (${entry.defaultRuntime})`, options)
    return
  }
  if (options.name !== undefined && options.name !== profile.personality)
    throw usageError(
      `${profile.personality} lives there`,
      `Register it without --name, then: iapeer rename ${profile.personality} ${options.name}`,
    )
  tell(await upsertPeer(root, home), 'lives there, and is registered', options)
}
