import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, isAbsolute, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { runProgram } from '@iapeer/core/exec'
import { parseFields } from '@iapeer/core/json'
import {
  type ProcessId,
  readCommandLine,
  readEnvironment,
  readExecutable,
  readWorkingDirectory,
} from '@iapeer/core/process'
import { readRegularFile } from '@iapeer/core/storage'
import { claudeMailFiles, statedSettings } from './claude-mail.ts'
import { claudeDirectory, readClaudeReport } from './claude-report.ts'

export const CLAUDE_LOGIN_HINT =
  'Log in: attach and type /login, or run claude in a terminal as the same user with the same home directory.'

const ASK_MS = 5_000
const ACCOUNT_VARIABLE =
  /^(?:ANTHROPIC_API_KEY|ANTHROPIC_AUTH_TOKEN|CLAUDE_CODE_OAUTH_TOKEN|CLAUDE_CODE_USE_\w+)$/
const INTERPRETER = /^(?:node|bun)(?:js)?$/
const IS_CLAUDE = /claude/i

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/**
 * Returns whether an account is configured: a variable, a credentials file, or the account that `/login` stores. Uses no value
 * of these.
 */
async function hasAccount(env: NodeJS.ProcessEnv): Promise<boolean> {
  if (Object.entries(env).some(([name, value]) => ACCOUNT_VARIABLE.test(name) && value !== '')) return true
  if (await exists(join(claudeDirectory(env), '.credentials.json'))) return true
  const settings = join(env['CLAUDE_CONFIG_DIR'] || env['HOME'] || homedir(), '.claude.json')
  return (await readRegularFile(settings))?.text.includes('"oauthAccount"') === true
}

/** Returns the command that runs the program of a process again; undefined unless that program is certainly Claude Code. */
async function programOf(pid: number, argv: readonly string[]): Promise<readonly string[] | undefined> {
  const executable = await readExecutable(pid)
  if (executable === undefined) return undefined
  if (!INTERPRETER.test(basename(executable))) return IS_CLAUDE.test(executable) ? [executable] : undefined
  const [, script = ''] = argv
  return isAbsolute(script) && IS_CLAUDE.test(script) ? [executable, script] : undefined
}

/** Asks the same program in its own directory and environment. Versions without `auth status` do not list it in their help. */
async function saysLoggedOut(
  program: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<boolean> {
  const ask = async (...args: readonly string[]): Promise<string> => {
    const argv = ['/bin/sh', '-c', 'cd "$0" && exec "$@"', cwd, ...program, ...args] as const
    const result = await runProgram(argv, { env: { ...env, DISABLE_AUTOUPDATER: '1' }, timeoutMs: ASK_MS })
    return result.timedOut ? '' : result.stdout
  }
  if (!/^\s+status\b/m.test(await ask('auth', '--help'))) return false
  return parseFields(await ask('auth', 'status', '--json'))?.['loggedIn'] === false
}

/**
 * Returns whether `--settings` on the command line can name an account. The settings of the session itself are read; they contain
 * those of the person.
 */
async function namesAccount(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  const own = env['IAPEER_MAIL_DIR'] && claudeMailFiles(env['IAPEER_MAIL_DIR']).settings
  const stated = statedSettings(argv)
  if (stated === undefined) return false
  if (own === undefined || stated !== own) return true
  const settings = parseFields((await readRegularFile(own))?.text ?? '')
  return settings === undefined || 'apiKeyHelper' in settings || 'env' in settings
}

/**
 * Returns what a person has to do if the Claude Code of a pane is not logged in; undefined if it is logged in or that is
 * unknown. The screen shows it too, but version 2.1.332 only 10 to 20 s after it is ready. If no account is configured, this
 * function runs `claude auth status` (half a second). Where `--settings` on the command line can name an account, only the screen
 * counts.
 */
export async function missingClaudeLogin(leader: ProcessId): Promise<string | undefined> {
  const pid = (await readClaudeReport(leader))?.pid
  if (pid === undefined) return undefined
  const [env, command, cwd] = await Promise.all([
    readEnvironment(pid),
    readCommandLine(pid),
    readWorkingDirectory(pid),
  ])
  if (env === undefined || command === undefined || cwd === undefined || (await hasAccount(env)))
    return undefined
  if (await namesAccount(command.argv, env)) return undefined
  const program = await programOf(pid, command.argv)
  const isLoggedOut = program !== undefined && (await saysLoggedOut(program, env, cwd))
  return isLoggedOut ? CLAUDE_LOGIN_HINT : undefined
}
