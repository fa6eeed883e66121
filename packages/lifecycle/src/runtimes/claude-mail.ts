import { join, resolve } from 'node:path'
import { type Fields, fieldsOf, list, parseFields } from '@iapeer/core/json'
import { loadScript } from '@iapeer/core/locate'
import { makePrivateDirectory, readIfExists, replaceFile } from '@iapeer/core/storage'
import type { LaunchMail, LaunchRequest } from './runtime.ts'

/** The files in the directory of a session of Claude Code. */
export interface ClaudeMailFiles {
  readonly settings: string
  readonly mcp: string
  readonly hook: string
  readonly watch: string
  /** One file for each call of a hook: what Claude Code passed to it. */
  readonly events: string
  /** What was posted to the inbox in the last minute, each in a file named by its mark. */
  readonly frames: string
  /** Messages for the watcher, each in a file named by its mark. */
  readonly drops: string
  /** Messages that a watcher has taken: `<mark>.<pid>-<start time>`. */
  readonly claimed: string
  /** A FIFO for each watcher, named by its pid. */
  readonly watchers: string
  /** The pid of the newest watcher. */
  readonly watcher: string
}

/** Returns the paths of the files in the directory of a session. */
export const claudeMailFiles = (directory: string): ClaudeMailFiles => ({
  settings: join(directory, 'settings.json'),
  mcp: join(directory, 'mcp.json'),
  hook: join(directory, 'hook.sh'),
  watch: join(directory, 'watch.sh'),
  events: join(directory, 'events'),
  frames: join(directory, 'frames'),
  drops: join(directory, 'drops'),
  claimed: join(directory, 'claimed'),
  watchers: join(directory, 'watchers'),
  watcher: join(directory, 'watcher'),
})

const HOOK_EVENTS = [
  'SessionStart',
  'UserPromptSubmit',
  'PermissionRequest',
  'Stop',
  'StopFailure',
  'SessionEnd',
] as const
/** A watcher ends with the message that it gives, so the next one starts with the next of these events. */
const WATCH_EVENTS: ReadonlySet<string> = new Set(['SessionStart', 'UserPromptSubmit', 'Stop'])

/** Constant texts: paths reach the shell in the environment. A hook that cannot run must not block, so its status is never 2. */
const HOOK = {
  type: 'command',
  command: '/bin/sh "$IAPEER_MAIL_DIR/hook.sh" >/dev/null 2>&1; exit 0',
  timeout: 2,
}
const WATCH = {
  type: 'command',
  command: '[ -r "$IAPEER_MAIL_DIR/watch.sh" ] || exit 0; exec /bin/sh "$IAPEER_MAIL_DIR/watch.sh"',
  asyncRewake: true,
  // In seconds. More than 2^31 ms would expire at once.
  timeout: 2_000_000,
}

const OWN_SETTINGS = {
  hooks: Object.fromEntries(
    HOOK_EVENTS.map((event) => [event, [{ hooks: WATCH_EVENTS.has(event) ? [HOOK, WATCH] : [HOOK] }]]),
  ),
  crossSessionInbound: 'accept',
  permissions: { deny: ['SendMessage', 'ListAgents'] },
}

/** The values of an option in a command line, and the other arguments. */
interface OptionValues {
  readonly values: readonly string[]
  readonly rest: readonly string[]
}

function readOption(args: readonly string[], option: string): OptionValues {
  const values: string[] = []
  const rest: string[] = []
  const end = args.indexOf('--')
  for (let at = 0; at < args.length; at++) {
    const [arg = '', next] = args.slice(at, at + 2)
    const isOption = end < 0 || at < end
    if (isOption && arg === option && next !== undefined) {
      values.push(next)
      at++
    } else if (isOption && arg.startsWith(`${option}=`)) values.push(arg.slice(option.length + 1))
    else rest.push(arg)
  }
  return { values, rest }
}

/** Returns the settings that a command line of Claude Code names: it uses the last ones only. */
export const statedSettings = (argv: readonly string[]): string | undefined =>
  readOption(argv, '--settings').values.at(-1)

/** Reads settings that a person passes to Claude Code: a file or JSON. Undefined if they cannot be read. */
function readSettings(stated: string, cwd: string): Fields | undefined {
  if (stated.trimStart().startsWith('{')) return parseFields(stated)
  try {
    return parseFields(readIfExists(resolve(cwd, stated)) ?? '')
  } catch (error) {
    // Claude Code reports the file that it cannot read.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** Adds the settings that messages need to those of a person. */
function mergeSettings(theirs: Fields): Fields {
  const [hooks, permissions] = [fieldsOf(theirs['hooks']), fieldsOf(theirs['permissions'])]
  const merged = Object.entries(OWN_SETTINGS.hooks).map(([event, own]) => [
    event,
    [...list(hooks[event]), ...own],
  ])
  return {
    ...theirs,
    crossSessionInbound: OWN_SETTINGS.crossSessionInbound,
    permissions: { ...permissions, deny: [...list(permissions['deny']), ...OWN_SETTINGS.permissions.deny] },
    hooks: { ...hooks, ...Object.fromEntries(merged) },
  }
}

/** How the settings for messages reach Claude Code. */
interface SettingsPlan {
  readonly settings: Fields
  /** The start arguments of the person, without `--settings`. */
  readonly startArgs: readonly string[]
}

/**
 * Claude Code uses the last `--settings` only, so one that a person states is merged into the file of the session.
 * @returns undefined if the stated settings cannot be read; the command line of the person then stays as it is
 */
function planSettings({ profile, launchEnv, cwd }: LaunchRequest): SettingsPlan | undefined {
  const ofCommand = readOption(profile.command ?? [], '--settings')
  const { values, rest } = readOption(launchEnv.startArgs, '--settings')
  const stated = [...ofCommand.values, ...values].at(-1)
  if (stated === undefined) return { settings: OWN_SETTINGS, startArgs: rest }
  const theirs = readSettings(stated, cwd)
  return theirs === undefined ? undefined : { settings: mergeSettings(theirs), startArgs: rest }
}

/** Returns the MCP configuration; undefined if the session has no MCP server of iapeer. Secrets are named, not written. */
function mcpConfig({ mcpUrl, mcpCommand }: LaunchMail): object | undefined {
  if (mcpUrl !== undefined) {
    const headers = { Authorization: `Bearer \${IAPEER_BEARER}` }
    return { mcpServers: { iapeer: { type: 'http', url: mcpUrl, headers, alwaysLoad: true } } }
  }
  const [command, ...args] = mcpCommand ?? []
  if (command === undefined) return undefined
  const names = ['IAPEER_ROOT', 'IAPEER_BEARER', 'IAPEER_MAIL_DIR']
  const env = Object.fromEntries(names.map((name) => [name, `\${${name}}`]))
  return { mcpServers: { iapeer: { command, args, env, alwaysLoad: true } } }
}

/** Options that choose a conversation; Claude Code refuses `--session-id` beside most of them. */
const CHOOSES_CONVERSATION =
  /^(?:-\w*[cr].*|--(?:continue|resume|session-id|fork-session|from-pr|teleport)(?:=.*)?)$/s

/**
 * Returns whether the command line gets the id of a new conversation. A wrapper may add such an option itself, so only Claude Code
 * itself gets one.
 */
export function takesConversation({ profile, launchEnv, resume }: LaunchRequest): boolean {
  const [program = 'claude', ...args] = profile.command ?? []
  if (resume !== undefined || !/(?:^|\/)claude$/.test(program)) return false
  return ![...args, ...launchEnv.startArgs].some((arg) => CHOOSES_CONVERSATION.test(arg))
}

/** The arguments of Claude Code for messages, and the start arguments of the person that stay. */
export interface ClaudeMailArgs {
  readonly args: readonly string[]
  readonly startArgs: readonly string[]
}

/** Returns the arguments for messages; none for a session without messages. `--mcp-config` takes more values unless it has `=`. */
export function claudeMailArgs(request: LaunchRequest): ClaudeMailArgs {
  const { mail, launchEnv } = request
  if (mail === undefined) return { args: [], startArgs: launchEnv.startArgs }
  const files = claudeMailFiles(mail.directory)
  const plan = planSettings(request)
  return {
    args: [
      ...(plan === undefined ? [] : ['--settings', files.settings]),
      ...(mcpConfig(mail) === undefined ? [] : [`--mcp-config=${files.mcp}`]),
      ...(takesConversation(request) ? ['--session-id', mail.conversation] : []),
    ],
    startArgs: plan?.startArgs ?? launchEnv.startArgs,
  }
}

/** Writes the settings, the scripts and the directories of a session. @throws the Node.js system error */
export async function prepareClaudeMail(
  request: LaunchRequest & { readonly mail: LaunchMail },
): Promise<void> {
  const files = claudeMailFiles(request.mail.directory)
  const script = (name: string): Promise<string> => loadScript('lifecycle', name, import.meta.url)
  for (const directory of [files.events, files.frames, files.drops, files.claimed, files.watchers])
    await makePrivateDirectory(directory)
  await replaceFile(files.hook, await script('claude-hook.sh'))
  await replaceFile(files.watch, await script('claude-watch.sh'))
  const settings = planSettings(request)?.settings
  if (settings !== undefined) await replaceFile(files.settings, `${JSON.stringify(settings, null, 2)}\n`)
  const mcp = mcpConfig(request.mail)
  if (mcp !== undefined) await replaceFile(files.mcp, `${JSON.stringify(mcp, null, 2)}\n`)
}
