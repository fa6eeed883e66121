import { readdirSync, readFileSync } from 'node:fs'
import { toRuntime } from '@iapeer/core/identity'
import { describe, expect, it } from 'vitest'
import { adapterOf } from '../src/runtimes/index.ts'
import type { RuntimeAdapter } from '../src/runtimes/runtime.ts'

/** Captured from Claude Code 2.1.197 and Codex 0.169.0, in a terminal of 200x50 where the name says no other. */
const FOLDER = new URL('./screens/', import.meta.url)
const SCREENS: ReadonlyMap<string, string> = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace(/\.txt$/, ''),
    readFileSync(new URL(file, FOLDER), 'utf8'),
  ]),
)
const screenOf = (name: string): string => {
  const screen = SCREENS.get(name)
  if (screen === undefined) throw new Error(`there is no screen ${name}`)
  return screen
}

const claude = adapterOf(toRuntime('claude'))
const codex = adapterOf(toRuntime('codex'))
const ownerOf = (name: string): RuntimeAdapter => (name.startsWith('claude') ? claude : codex)
const otherThan = (one: RuntimeAdapter): RuntimeAdapter => (one === claude ? codex : claude)

/** What a screen asks for, in one word or two. */
function stepOf(adapter: RuntimeAdapter, screen: string): string {
  if (adapter.isLoggedOut?.(screen) === true) return 'logged out'
  const shown = adapter.bootDialogKeys(screen)
  if (shown !== undefined)
    return 'key' in shown ? `${shown.dialog}: ${shown.key}` : `${shown.dialog}: refused`
  return adapter.isInputReady(screen) ? 'ready' : 'unknown'
}

const EXPECTED: Readonly<Record<string, string>> = {
  'claude-answered': 'ready',
  'claude-api-key': 'API key: refused',
  'claude-busy': 'ready',
  'claude-busy-40x10': 'ready',
  'claude-bypass': 'bypass permissions: Down',
  'claude-bypass-40x10': 'bypass permissions: Down',
  'claude-bypass-80x24': 'bypass permissions: Down',
  'claude-bypass-accept': 'bypass permissions: Enter',
  'claude-bypass-accept-40x10': 'bypass permissions: Enter',
  'claude-logged-out': 'logged out',
  'claude-pasted': 'ready',
  'claude-ready': 'ready',
  'claude-ready-40x10': 'ready',
  'claude-ready-80x24': 'ready',
  'claude-security-notes': 'security notes: Enter',
  'claude-theme': 'text style: Enter',
  'claude-trust': 'folder trust: Enter',
  'claude-trust-40x10': 'folder trust: Enter',
  'claude-trust-80x24': 'folder trust: Enter',
  'claude-typed': 'ready',
  'codex-answered': 'ready',
  'codex-busy': 'ready',
  'codex-busy-40x10': 'ready',
  'codex-login': 'logged out',
  'codex-login-40x10': 'logged out',
  'codex-pasted': 'ready',
  'codex-ready': 'ready',
  'codex-ready-40x10': 'ready',
  'codex-ready-80x24': 'ready',
  'codex-starting': 'unknown',
  'codex-trust': 'folder trust: Enter',
  'codex-trust-40x10': 'folder trust: Enter',
  'codex-typed': 'ready',
  'codex-update': 'update: Down',
  'codex-update-40x10': 'update: Down',
  'codex-update-skip': 'update: Enter',
  'codex-update-skip-40x10': 'update: Enter',
}

const COLUMNS = [3, 12, 25, 60]

/** A screen cut at every line from above and from below, and at some columns. */
function cutsOf(screen: string): string[] {
  const rows = screen.split('\n')
  return [
    ...rows.map((_, at) => rows.slice(0, at).join('\n')),
    ...rows.map((_, at) => rows.slice(at).join('\n')),
    ...COLUMNS.map((width) => rows.map((row) => row.slice(0, width)).join('\n')),
  ]
}

describe('a captured screen', () => {
  it('of each kind is in the table', () => {
    expect([...SCREENS.keys()].sort()).toEqual(Object.keys(EXPECTED).sort())
  })

  it.each(Object.entries(EXPECTED))('%s: %s', (name, expected) => {
    expect(stepOf(ownerOf(name), screenOf(name))).toBe(expected)
  })

  it.each([...SCREENS.keys()])('%s means nothing to another runtime', (name) => {
    expect(stepOf(otherThan(ownerOf(name)), screenOf(name))).toBe('unknown')
  })

  it.each(
    Object.entries(EXPECTED).filter(([name, step]) => step !== 'ready' && name !== 'claude-logged-out'),
  )('%s, cut anywhere, is never taken for an input row', (name) => {
    for (const cut of cutsOf(screenOf(name))) expect(ownerOf(name).isInputReady(cut), cut).toBe(false)
  })

  it.each(['claude-bypass', 'claude-bypass-40x10', 'claude-bypass-80x24'])(
    '%s, cut anywhere, is never answered by Enter',
    (name) => {
      for (const cut of cutsOf(screenOf(name))) expect(stepOf(claude, cut), cut).not.toMatch(/Enter/)
    },
  )

  it.each(['codex-update', 'codex-update-40x10'])('%s, cut anywhere, never starts an update', (name) => {
    for (const cut of cutsOf(screenOf(name))) expect(stepOf(codex, cut), cut).not.toMatch(/Enter/)
  })
})

describe('an input row', () => {
  it.each([
    ['claude-ready', ''],
    ['claude-typed', 'hello there'],
    ['claude-pasted', '[Pasted text #1 +30 lines]'],
    ['claude-busy', ''],
    ['codex-ready', 'Ask Codex to do anything'],
    ['codex-typed', 'hello there'],
    ['codex-pasted', '[Pasted Content 1092 chars]'],
    ['codex-busy', 'Ask Codex to do anything'],
  ])('of %s holds %j', (name, text) => {
    expect(ownerOf(name).inputText(screenOf(name))).toBe(text)
  })

  it.each(Object.entries(EXPECTED).filter(([, step]) => step !== 'ready' && step !== 'logged out'))(
    'is not what %s has',
    (name) => {
      if (name !== 'codex-starting') expect(ownerOf(name).inputText(screenOf(name))).toBeUndefined()
    },
  )

  const rule = '─'.repeat(40)
  const said = ' ❯ 1. Yes, I trust this folder\n   2. No, exit\n ❯ 1. No, exit\n   2. Yes, I accept\n'

  it('below a talk about dialogs is one', () => {
    const screen = `${said}\n${rule}\n❯\u00a0\n${rule}\n  ⏵⏵ bypass permissions on\n`
    expect(stepOf(claude, screen)).toBe('ready')
    const other =
      '› 1. Trust and continue\n\n• That is what it asks.\n\n› Ask Codex to do anything\n\n  fake · /x\n'
    expect(stepOf(codex, other)).toBe('ready')
  })

  it('that holds a numbered list is read as a whole', () => {
    const text = '1. one\n  2. two'
    expect(claude.inputText(`${rule}\n❯ ${text}\n${rule}\n  ⏵⏵ bypass permissions on`)).toBe(text)
    expect(codex.inputText(`› ${text}\n\n  fake · /x`)).toBe(text)
  })

  it.each([
    '',
    '\n\n\n',
    '❯',
    '›',
    '❯ ',
    `${rule}\n❯ `,
    `❯ \n${rule}`,
    `${rule}\n${rule}`,
    `${rule}\n❯ 1. No, exit\n   2. Yes, I accept`,
    `❯ hello\n\n● answer\n${rule}\n${rule}\n`,
    `${rule}\n❯ \n${rule}\nSegmentation fault`,
    '› hello\n\n• Working (2s)',
    '› Ask Codex\n\n  enter continue · esc back',
    '\u001b[2J\u001b[H\ufffd\ufffd ❯\u0000',
    'user@host:~$ ',
    '> ',
  ])('is not %j', (screen) => {
    expect([claude.isInputReady(screen), codex.isInputReady(screen)]).toEqual([false, false])
    expect([claude.bootDialogKeys(screen), codex.bootDialogKeys(screen)]).not.toContainEqual(
      expect.objectContaining({ key: 'Enter' }),
    )
  })
})
