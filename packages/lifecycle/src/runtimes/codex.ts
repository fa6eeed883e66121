import { homedir } from 'node:os'
import type { SessionOwner } from './claude-sessions.ts'
import { newestCodexSession } from './codex-sessions.ts'
import type { BootDialog, Control, LaunchRequest, RuntimeAdapter, SessionPlace } from './runtime.ts'
import { chosenOption, rowsOf } from './screen.ts'

const INPUT = /^›(?:\s|$)/
const COMMANDS = { compact: '/compact', clear: '/clear', exit: '/quit' } as const satisfies Record<
  Exclude<Control, 'interrupt'>,
  string
>

const ownerOf = ({ env, cwd }: SessionPlace): SessionOwner => ({ home: env['HOME'] || homedir(), env, cwd })

function bootDialogKeys(screen: string): BootDialog | undefined {
  const rows = rowsOf(screen)
  const chosen = chosenOption(rows)
  if (chosen === undefined) return undefined
  const shows = (text: string): boolean => rows.some((row) => row.includes(text))
  if (shows('Sign in with ChatGPT')) return { dialog: 'login', refusal: 'Log in first: codex login' }
  if (shows('Update available')) {
    const dialog = 'update'
    if (/^Skip$/.test(chosen)) return { dialog, key: 'Enter' }
    return chosen.startsWith('Update now') ? { dialog, key: 'Down' } : undefined
  }
  // The words above it are out of sight in a small terminal.
  if (chosen === 'Trust and continue') return { dialog: 'folder trust', key: 'Enter' }
  return undefined
}

interface Input {
  readonly text: string
  readonly footer: readonly string[]
}

/** The last `›` row with what continues it, if only its footer is below: what was said before has a `›` too. */
function findInput(screen: string): Input | undefined {
  if (bootDialogKeys(screen) !== undefined) return undefined
  const rows = rowsOf(screen)
  const start = rows.findLastIndex((row) => INPUT.test(row))
  const end = rows.indexOf('', start)
  if (start < 0 || end < 0 || rows.slice(start + 1).some((row) => row !== '' && !row.startsWith('  ')))
    return undefined
  const footer = rows
    .slice(end)
    .map((row) => row.trim())
    .filter((row) => row !== '')
  if (footer.length === 0 || footer.some((row) => /^(?:press )?enter (?:to )?continue/.test(row)))
    return undefined
  return { text: rows.slice(start, end).join('\n').slice(1).trim(), footer }
}

/** A menu's cursor looks as its input row does; and it draws one with a bare hint before it asks what it has to. */
function isInputReady(screen: string): boolean {
  const input = findInput(screen)
  if (input === undefined || /^\d+(?:\.|\s|$)/.test(input.text)) return false
  return input.footer.some((row) => !'? for shortcuts'.startsWith(row))
}

function buildArgv({ profile, launchEnv, systemPromptFile, resume }: LaunchRequest): readonly string[] {
  return [
    ...(profile.command ?? ['codex']),
    '--dangerously-bypass-approvals-and-sandbox',
    // The shared background server outlives us, and would run this peer in the environment of whoever started it.
    '--no-daemon',
    // A JSON string is a TOML one.
    ...(systemPromptFile === undefined
      ? []
      : ['-c', `model_instructions_file=${JSON.stringify(systemPromptFile)}`]),
    ...launchEnv.startArgs,
    ...(resume === undefined ? [] : ['resume', resume]),
  ]
}

/** Codex; its screens as of 0.169. */
export const codexRuntime: RuntimeAdapter = {
  name: 'codex',
  kind: 'tui',
  usesDoctrine: true,
  bootTimeoutMs: 60_000,
  buildArgv,
  environment: (request): Readonly<Record<string, string>> =>
    request.bearer === undefined ? {} : { IAPEER_BEARER: request.bearer },
  bootDialogKeys,
  isInputReady,
  inputText: (screen) => findInput(screen)?.text,
  isLoggedOut: (screen) => chosenOption(rowsOf(screen))?.startsWith('Sign in with') === true,
  newestActivity: async (place) => (await newestCodexSession(ownerOf(place)))?.writtenMs,
  resolveResume: async (place) => (await newestCodexSession(ownerOf(place)))?.id,
  executeControl: (control) => (control === 'interrupt' ? { key: 'Escape' } : { text: COMMANDS[control] }),
}
