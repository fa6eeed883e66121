import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { settingText } from '../settings/configured.ts'
import { type RecordLayout, type RecordLocation, recordLayout } from './record-layout.ts'

/** The absolute paths under a root. Directories are 0700, files 0600. */
export interface RootLayout {
  readonly root: string
  /** `peers-profiles.json`, the registry. */
  readonly registry: string
  /** Default homes, `peers/<name>`. */
  readonly peersDir: string
  /** A symbolic link `<personality>` to each home, from which a lost registry is rebuilt. */
  readonly homesDir: string
  /** Sockets; overridden by `IAPEER_SOCK_DIR`. */
  readonly socketDir: string
  readonly lifecycleStateDir: string
  /** The launches that wait or run, one file each. */
  readonly launchDir: string
  /** The samples of what the peers use. */
  readonly usageDir: string
  /** A private directory of each running session. */
  readonly sessionsDir: string
  /** The mailboxes, one directory each. */
  readonly mailDir: string
  /** The system prompts of started peers, `<personality>.md`. */
  readonly promptsDir: string
  readonly records: RecordLayout
  /** Pane logs, `<identity>.log`. */
  readonly paneLogDir: string
  readonly hooksDir: string
  /** Every directory that is created with the root, parents first. */
  readonly directories: readonly string[]
}

function homeDirectory(): string {
  let home = ''
  try {
    home = homedir()
  } catch (error) {
    // The user has no entry in the password database.
    if (errnoOf(error) === undefined) throw error
  }
  if (isAbsolute(home)) return home
  throw new IapeerError('this user has no home directory', {
    code: 'no-home',
    hint: 'Set IAPEER_ROOT to a private directory, or set HOME.',
  })
}

/** Returns the root directory: `$IAPEER_ROOT`, else `~/.iapeer`. @throws IapeerError `no-home` */
export function iapeerRoot(env: NodeJS.ProcessEnv = process.env): string {
  const set = env['IAPEER_ROOT']
  return set === undefined || set === '' ? join(homeDirectory(), '.iapeer') : resolve(set)
}

/** Returns the directories in which the recorders of a root keep their files. */
export function rootRecordLocation(root: string): Required<RecordLocation> {
  return { recordDir: join(root, 'logs', 'iapeer'), stateDir: join(root, 'state'), libDir: join(root, 'lib') }
}

/** The last layout: a command asks for the same one hundreds of times. */
let last: { readonly key: string; readonly layout: RootLayout } | undefined

/** Returns the layout of a root, from its path and the environment. It does not access the file system. */
export function rootLayout(root: string, env: NodeJS.ProcessEnv = process.env): RootLayout {
  const sockets = settingText(env, 'IAPEER_SOCK_DIR')
  // A relative path depends on the working directory.
  if (!isAbsolute(root) || (sockets !== '' && !isAbsolute(sockets))) return layoutOf(root, sockets)
  const key = `${root}\0${sockets}`
  if (last?.key !== key) last = { key, layout: layoutOf(root, sockets) }
  return last.layout
}

function layoutOf(root: string, sockets: string): RootLayout {
  const base = resolve(root)
  const at = (...parts: string[]): string => join(base, ...parts)
  const records = recordLayout(rootRecordLocation(base))
  const socketDir = sockets === '' ? at('run') : resolve(sockets)
  const named = {
    peersDir: at('peers'),
    homesDir: at('state', 'homes'),
    lifecycleStateDir: at('state', 'lifecycle'),
    launchDir: at('state', 'launch'),
    usageDir: at('state', 'usage'),
    sessionsDir: at('sessions'),
    mailDir: at('state', 'mail'),
    promptsDir: at('state', 'prompts'),
    paneLogDir: at('logs', 'lifecycle'),
    hooksDir: at('hooks'),
  }
  const recorded = [
    records.recordDir,
    records.deathsDir,
    records.canaryDir,
    records.intentDir,
    records.namesDir,
    records.libDir,
  ]
  return {
    root: base,
    registry: at('peers-profiles.json'),
    socketDir,
    records,
    ...named,
    directories: [base, at('logs'), at('state'), socketDir, ...Object.values(named), ...recorded],
  }
}
