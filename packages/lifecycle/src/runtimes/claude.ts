import { homedir } from 'node:os'
import { claudeActivity, newestClaudeSession, type SessionOwner } from './claude-sessions.ts'
import type { BootDialog, LaunchRequest, RuntimeAdapter, SessionPlace } from './runtime.ts'
import { chosenOption, rowsOf } from './screen.ts'

const RULE = /^─{8}/
const INPUT = /^❯(?:\s|$)/

const ownerOf = ({ env, cwd }: SessionPlace): SessionOwner => ({ home: env['HOME'] || homedir(), env, cwd })

interface Input {
  readonly text: string
  readonly footer: readonly string[]
}

/** What stands between the last two rules, if that is an input row; menus have their cursor further right. */
function findInput(screen: string): Input | undefined {
  const rows = rowsOf(screen)
  const end = rows.findLastIndex((row) => RULE.test(row))
  const start = rows.findLastIndex((row, at) => at < end && INPUT.test(row))
  if (start < 1 || !RULE.test(rows[start - 1] ?? '')) return undefined
  if (rows.slice(start, end).some((row) => RULE.test(row))) return undefined
  const footer = rows.slice(end + 1).filter((row) => row !== '')
  return footer.length === 0 ? undefined : { text: rows.slice(start, end).join('\n').slice(1).trim(), footer }
}

/** Below is its footer and nothing else; what completes a command stands further left. */
const isInputReady = (screen: string): boolean =>
  findInput(screen)?.footer.every((row) => row.startsWith('  ')) === true

/** Each is known by its options: the lines above them are out of sight in a small terminal. */
function bootDialogKeys(screen: string): BootDialog | undefined {
  if (isInputReady(screen)) return undefined
  const rows = rowsOf(screen)
  const chosen = chosenOption(rows)
  const shows = (text: string): boolean => rows.some((row) => row.includes(text))
  if (chosen === undefined)
    return shows('Security notes') && shows('Press Enter to continue')
      ? { dialog: 'security notes', key: 'Enter' }
      : undefined
  // Enter on "No, exit", which the cursor is on at first, ends the program.
  if (shows('Yes, I accept') && shows('No, exit')) {
    const dialog = 'bypass permissions'
    if (chosen.startsWith('Yes, I accept')) return { dialog, key: 'Enter' }
    return chosen.startsWith('No, exit') ? { dialog, key: 'Down' } : undefined
  }
  if (shows('Yes, I trust this folder')) {
    const dialog = 'folder trust'
    if (chosen.startsWith('Yes, I trust this folder')) return { dialog, key: 'Enter' }
    return chosen.startsWith('No, exit') ? { dialog, key: 'Up' } : undefined
  }
  if (shows('Do you want to use this API key'))
    return {
      dialog: 'API key',
      refusal:
        'Decide it yourself: run claude once in a terminal with that ANTHROPIC_API_KEY, or take it out of the environment and of launch.env.',
    }
  if (shows('Select login method'))
    return { dialog: 'login', refusal: 'Log in first: run claude once in a terminal.' }
  if (shows('Choose the text style')) return { dialog: 'text style', key: 'Enter' }
  return undefined
}

function buildArgv({ profile, launchEnv, systemPromptFile, resume }: LaunchRequest): readonly string[] {
  const { disallowedTools } = launchEnv
  return [
    ...(profile.command ?? ['claude']),
    '--dangerously-skip-permissions',
    ...(systemPromptFile === undefined ? [] : ['--system-prompt-file', systemPromptFile]),
    ...(resume === undefined ? [] : ['--resume', resume]),
    ...(disallowedTools.kind === 'set' ? [`--disallowedTools=${disallowedTools.tools}`] : []),
    ...launchEnv.startArgs,
  ]
}

/** Claude Code; its screens as of 2.1. */
export const claudeRuntime: RuntimeAdapter = {
  name: 'claude',
  kind: 'tui',
  usesDoctrine: true,
  bootTimeoutMs: 60_000,
  buildArgv,
  bootDialogKeys,
  isInputReady,
  inputText: (screen) => findInput(screen)?.text,
  isLoggedOut: (screen) =>
    screen.includes('Select login method') || (isInputReady(screen) && screen.includes('Not logged in')),
  newestActivity: (place) => claudeActivity(ownerOf(place)),
  resolveResume: async (place) => (await newestClaudeSession(ownerOf(place)))?.id,
  executeControl: (control) => (control === 'interrupt' ? { key: 'Escape' } : { text: `/${control}` }),
}
