import { homedir } from 'node:os'
import type { SessionOwner } from './claude-sessions.ts'
import { newestCodexSession } from './codex-sessions.ts'
import type { BootDialog, Control, LaunchRequest, RuntimeAdapter, SessionPlace } from './runtime.ts'
import { chosenOption, rowsOf } from './screen.ts'

const INPUT = /^›(?:\s|$)/
const COMMANDS = { compact: '/compact', clear: '/new', exit: '/quit' } as const satisfies Record<
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

/** The last `›` row and what it is continued by, if only its footer is below; what was said before has one too. */
function inputText(screen: string): string | undefined {
  if (bootDialogKeys(screen) !== undefined) return undefined
  const rows = rowsOf(screen)
  const start = rows.findLastIndex((row) => INPUT.test(row))
  const below = rows.slice(start + 1)
  if (start < 0 || !below.some((row) => row !== '')) return undefined
  if (below.some((row) => row !== '' && !row.startsWith('  '))) return undefined
  if (below.some((row) => /^\s*(?:press )?enter (?:to )?continue/.test(row))) return undefined
  const end = rows.indexOf('', start)
  return rows
    .slice(start, end < 0 ? rows.length : end)
    .join('\n')
    .slice(1)
    .trim()
}

/** A menu's cursor looks as its input row does. */
const isInputReady = (screen: string): boolean => {
  const text = inputText(screen)
  return text !== undefined && !/^\d+\. /.test(text)
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
  inputText,
  isLoggedOut: (screen) => chosenOption(rowsOf(screen))?.startsWith('Sign in with') === true,
  newestActivity: async (place) => (await newestCodexSession(ownerOf(place)))?.writtenMs,
  resolveResume: async (place) => (await newestCodexSession(ownerOf(place)))?.id,
  executeControl: (control) => (control === 'interrupt' ? { key: 'Escape' } : { text: COMMANDS[control] }),
}
