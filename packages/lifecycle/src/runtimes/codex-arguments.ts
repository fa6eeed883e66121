import { basename } from 'node:path'

/** The words of a command line of Codex. */
export interface CodexCommand {
  /** The program, behind the words of a wrapper that starts it. */
  readonly program: readonly string[]
  readonly args: readonly string[]
}

/** The arguments of an app-server and of the TUI that is connected to it. */
export interface SplitArguments {
  readonly server: readonly string[]
  readonly tui: readonly string[]
}

const quoted = (value: string): string => JSON.stringify(value)
/** Returns the option that sets a value of the configuration. A JSON string is also a TOML string. */
const setting = (name: string, value: string): readonly string[] => ['-c', `${name}=${quoted(value)}`]

const SKIP = [...setting('approval_policy', 'never'), ...setting('sandbox_mode', 'danger-full-access')]
const NOTHING: SplitArguments = { server: [], tui: [] }

/** Options without a value. The app-server takes permissions as settings only. */
const PLAIN: ReadonlyMap<string, SplitArguments> = new Map([
  ['--dangerously-bypass-approvals-and-sandbox', { server: SKIP, tui: SKIP }],
  ['--yolo', { server: SKIP, tui: SKIP }],
  ['--strict-config', { server: ['--strict-config'], tui: ['--strict-config'] }],
  ['--no-alt-screen', { server: [], tui: ['--no-alt-screen'] }],
  // It keeps the shared server away, which a private one does too.
  ['--no-daemon', NOTHING],
])

const both = (option: string) => (value: string) => ({ server: [option, value], tui: [option, value] })
const bothSet = (name: string) => (value: string) => ({
  server: setting(name, value),
  tui: setting(name, value),
})

/** Options with a value. */
const VALUED: ReadonlyMap<string, (value: string) => SplitArguments> = new Map([
  ...['-c', '--config'].map((name) => [name, both('-c')] as const),
  ['--enable', both('--enable')],
  ['--disable', both('--disable')],
  ...['-s', '--sandbox'].map((name) => [name, bothSet('sandbox_mode')] as const),
  ...['-a', '--ask-for-approval'].map((name) => [name, bothSet('approval_policy')] as const),
  ...['-m', '--model'].map(
    (name) => [name, (value: string) => ({ server: setting('model', value), tui: ['-m', value] })] as const,
  ),
  ...['-C', '--cd'].map((name) => [name, (value: string) => ({ server: [], tui: ['-C', value] })] as const),
])

/** Returns the name and the value of an argument that contains both: `--model=o3`, `-mo3`, `-m=o3`. */
function inlineValue(arg: string): readonly [string, string] | undefined {
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? /^(-[a-zA-Z])=?(.+)$/s.exec(arg) ?? []
  return name === undefined || value === undefined ? undefined : [name, value]
}

/**
 * Distributes arguments of Codex between an app-server and a TUI that is connected to it.
 * @returns undefined if one of them is unknown here, or has no meaning with an app-server (`--add-dir`, `--profile`, `--oss`,
 *   a prompt); then Codex must run without one
 */
export function splitArguments(args: readonly string[]): SplitArguments | undefined {
  const parts: SplitArguments[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    const [name, value] = PLAIN.has(arg) || VALUED.has(arg) ? [arg] : (inlineValue(arg) ?? [arg])
    const next = value ?? args[at + 1]
    const part = value === undefined ? PLAIN.get(name) : undefined
    const valued = VALUED.get(name)
    if (part !== undefined) parts.push(part)
    else if (valued === undefined || next === undefined) return undefined
    else {
      parts.push(valued(next))
      if (value === undefined) at++
    }
  }
  return { server: parts.flatMap(({ server }) => server), tui: parts.flatMap(({ tui }) => tui) }
}

/** The permissions that arguments set. */
export interface SetPermissions {
  readonly approval: string | undefined
  readonly sandbox: string | undefined
}

const PERMISSION = /^(approval_policy|sandbox_mode)\s*=\s*"?([\w-]*)"?\s*$/

/** Returns the permissions that the arguments of an app-server set; the last ones count. */
export function permissionsIn(server: readonly string[]): SetPermissions {
  const found = new Map(
    server.flatMap((word) => {
      const [, name, value] = PERMISSION.exec(word) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
  return { approval: found.get('approval_policy'), sandbox: found.get('sandbox_mode') }
}

/** Removes the permissions from the arguments of a TUI: one that resumes a conversation of an app-server refuses them. */
export const withoutPermissions = (tui: readonly string[]): readonly string[] =>
  tui.filter((word, at) => !PERMISSION.test(word) && !(word === '-c' && PERMISSION.test(tui[at + 1] ?? '')))

/**
 * Separates the program, and a wrapper that starts it, from the arguments of Codex.
 * @returns undefined if a command of several words does not name a program `codex`
 */
export function splitCommand(command: readonly string[]): CodexCommand | undefined {
  if (command.length <= 1) return { program: command, args: [] }
  const at = command.findIndex((word) => basename(word) === 'codex')
  return at < 0 ? undefined : { program: command.slice(0, at + 1), args: command.slice(at + 1) }
}

/** How Codex reaches the MCP server of iapeer, by its URL or by a program. */
export interface McpServer {
  readonly mcpUrl?: string
  readonly mcpCommand?: readonly string[]
}

/** Variables that Codex passes to the program of the MCP server; it passes no others that are not in its own list. */
const MCP_VARIABLES = ['IAPEER_BEARER', 'IAPEER_MAIL_DIR', 'IAPEER_ROOT']

/** Returns the options that add the MCP server of iapeer; none where there is none. */
export function mcpArguments({ mcpUrl, mcpCommand }: McpServer): readonly string[] {
  const server = 'mcp_servers.iapeer'
  if (mcpUrl !== undefined)
    return [
      ...setting(`${server}.url`, mcpUrl),
      ...setting(`${server}.bearer_token_env_var`, 'IAPEER_BEARER'),
    ]
  const [program, ...args] = mcpCommand ?? []
  if (program === undefined) return []
  const list = (values: readonly string[]): string => `[${values.map(quoted).join(', ')}]`
  return [
    ...setting(`${server}.command`, program),
    ...['-c', `${server}.args=${list(args)}`],
    ...['-c', `${server}.env_vars=${list(MCP_VARIABLES)}`],
  ]
}
