import { readdirSync, readFileSync } from 'node:fs'
import { toRuntime } from '@iapeer/core/identity'
import { describe, expect, it } from 'vitest'
import { adapterOf } from '../src/runtimes/adapters.ts'
import type { RuntimeAdapter } from '../src/runtimes/runtime.ts'
import type { ScreenReader } from '../src/runtimes/screen/screen-reader.ts'

/**
 * Screens captured from Claude Code 2.1.197 and Codex 0.169.0, or 2.1.332 and 0.171.0 if the name contains 332 or 171. The
 * terminal is 200x50 unless the name contains another size.
 */
const DIRECTORY = new URL('./screens/', import.meta.url)
const SCREENS: ReadonlyMap<string, string> = new Map(
  readdirSync(DIRECTORY).map((file) => [
    file.replace(/\.txt$/, ''),
    readFileSync(new URL(file, DIRECTORY), 'utf8'),
  ]),
)
const screenOf = (name: string): string => {
  const screen = SCREENS.get(name)
  if (screen === undefined) throw new Error(`no screen ${name}`)
  return screen
}

const claude = adapterOf(toRuntime('claude'))
const codex = adapterOf(toRuntime('codex'))
const ownerOf = (name: string): RuntimeAdapter => (name.startsWith('claude') ? claude : codex)
const otherThan = (one: RuntimeAdapter): RuntimeAdapter => (one === claude ? codex : claude)

const readerOf = (adapter: RuntimeAdapter): ScreenReader => {
  if (adapter.screen === undefined) throw new Error(`${adapter.name} has no screen reader`)
  return adapter.screen
}
const inputOf = (adapter: RuntimeAdapter, screen: string): string | undefined =>
  readerOf(adapter).read(screen).input

/** Returns the step of a screen as text. */
function stepOf(adapter: RuntimeAdapter, screen: string): string {
  const { step } = readerOf(adapter).read(screen)
  if (step.kind === 'press') return `${step.dialog}: ${step.key}`
  return step.kind === 'person' ? `${step.dialog}: a person` : step.kind
}

const EXPECTED: Readonly<Record<string, string>> = {
  'claude-332-answered-80x24': 'input',
  'claude-332-api-key-40x10': 'API key: a person',
  'claude-332-api-key-80x24': 'API key: a person',
  'claude-332-bash-mode': 'unknown',
  'claude-332-busy-40x10': 'input',
  'claude-332-busy-80x24': 'input',
  'claude-332-bypass': 'bypass permissions: Down',
  'claude-332-bypass-40x10': 'bypass permissions: Down',
  'claude-332-bypass-80x24': 'bypass permissions: Down',
  'claude-332-bypass-accept': 'bypass permissions: Enter',
  'claude-332-bypass-accept-40x10': 'bypass permissions: Enter',
  'claude-332-bypass-accept-80x24': 'bypass permissions: Enter',
  'claude-332-completing': 'input',
  'claude-332-logged-out-40x10': 'login: a person',
  'claude-332-logged-out-80x24': 'login: a person',
  'claude-332-login-40x10': 'unknown',
  'claude-332-login-80x24': 'login: a person',
  'claude-332-mcp-40x10': 'unknown',
  'claude-332-mcp-80x24': 'unknown',
  'claude-332-model': 'unknown',
  'claude-332-pasted-80x24': 'input',
  'claude-332-permission-40x10': 'unknown',
  'claude-332-permission-80x24': 'unknown',
  'claude-332-question-40x10': 'unknown',
  'claude-332-question-80x24': 'unknown',
  'claude-332-quoted': 'input',
  'claude-332-ready': 'input',
  'claude-332-ready-40x10': 'input',
  'claude-332-ready-80x24': 'input',
  'claude-332-security-notes-40x10': 'security notes: Enter',
  'claude-332-security-notes-80x24': 'security notes: Enter',
  'claude-332-theme-40x10': 'unknown',
  'claude-332-theme-80x24': 'text style: Enter',
  'claude-332-trust': 'folder trust: Down',
  'claude-332-trust-40x10': 'folder trust: Down',
  'claude-332-trust-80x24': 'folder trust: Down',
  'claude-332-trust-yes': 'folder trust: Enter',
  'claude-332-trust-yes-40x10': 'folder trust: Enter',
  'claude-332-trust-yes-80x24': 'folder trust: Enter',
  'claude-332-typed-80x24': 'input',
  'claude-answered': 'input',
  'claude-api-key': 'API key: a person',
  'claude-busy': 'input',
  'claude-busy-40x10': 'input',
  'claude-bypass': 'bypass permissions: Down',
  'claude-bypass-40x10': 'bypass permissions: Down',
  'claude-bypass-80x24': 'bypass permissions: Down',
  'claude-bypass-accept': 'bypass permissions: Enter',
  'claude-bypass-accept-40x10': 'bypass permissions: Enter',
  'claude-logged-out': 'login: a person',
  'claude-pasted': 'input',
  'claude-ready': 'input',
  'claude-ready-40x10': 'input',
  'claude-ready-80x24': 'input',
  'claude-security-notes': 'security notes: Enter',
  'claude-theme': 'text style: Enter',
  'claude-trust': 'folder trust: Enter',
  'claude-trust-40x10': 'folder trust: Enter',
  'claude-trust-80x24': 'folder trust: Enter',
  'claude-typed': 'input',
  'codex-171-answered-80x24': 'input',
  'codex-171-busy-40x10': 'input',
  'codex-171-busy-80x24': 'input',
  'codex-171-login-40x10': 'login: a person',
  'codex-171-login-80x24': 'login: a person',
  'codex-171-quoted-40x10': 'input',
  'codex-171-quoted-80x24': 'input',
  'codex-171-ready': 'input',
  'codex-171-ready-40x10': 'input',
  'codex-171-ready-80x24': 'input',
  'codex-171-starting-80x24': 'unknown',
  'codex-171-trust': 'folder trust: Enter',
  'codex-171-trust-40x10': 'folder trust: Enter',
  'codex-171-trust-80x24': 'folder trust: Enter',
  'codex-171-trust-no-40x10': 'unknown',
  'codex-171-trust-no-80x24': 'folder trust: Up',
  'codex-171-typed-80x24': 'input',
  'codex-171-update-40x10': 'update: Down',
  'codex-171-update-80x24': 'update: Down',
  'codex-171-update-skip-40x10': 'update: Enter',
  'codex-171-update-skip-80x24': 'update: Enter',
  'codex-answered': 'input',
  'codex-busy': 'input',
  'codex-busy-40x10': 'input',
  'codex-login': 'login: a person',
  'codex-login-40x10': 'login: a person',
  'codex-pasted': 'input',
  'codex-ready': 'input',
  'codex-ready-40x10': 'input',
  'codex-ready-80x24': 'input',
  'codex-starting': 'unknown',
  'codex-trust': 'folder trust: Enter',
  'codex-trust-40x10': 'folder trust: Enter',
  'codex-typed': 'input',
  'codex-update': 'update: Down',
  'codex-update-40x10': 'update: Down',
  'codex-update-skip': 'update: Enter',
  'codex-update-skip-40x10': 'update: Enter',
}

const COLUMNS = [3, 12, 25, 60]

/** Returns a screen cut before and after every line, and at some columns. */
function cutsOf(screen: string): string[] {
  const rows = screen.split('\n')
  return [
    ...rows.map((_, at) => rows.slice(0, at).join('\n')),
    ...rows.map((_, at) => rows.slice(at).join('\n')),
    ...COLUMNS.map((width) => rows.map((row) => row.slice(0, width)).join('\n')),
  ]
}

describe('a captured screen', () => {
  it('is listed in the table', () => {
    expect([...SCREENS.keys()].sort()).toEqual(Object.keys(EXPECTED).sort())
  })

  it.each(Object.entries(EXPECTED))('%s: %s', (name, expected) => {
    expect(stepOf(ownerOf(name), screenOf(name))).toBe(expected)
  })

  it.each([...SCREENS.keys()])('%s is unknown to the reader of another runtime', (name) => {
    expect(stepOf(otherThan(ownerOf(name)), screenOf(name))).toBe('unknown')
  })

  const isLoggedOutRow = /logged-out/
  it.each(Object.entries(EXPECTED).filter(([name, step]) => step !== 'input' && !isLoggedOutRow.test(name)))(
    '%s, cut anywhere, is never read as an input row',
    (name) => {
      for (const cut of cutsOf(screenOf(name))) expect(stepOf(ownerOf(name), cut), cut).not.toBe('input')
    },
  )

  const refusals = Object.entries(EXPECTED).filter(([, step]) => /: (?:Down|Up)$/.test(step))
  it.each(refusals)('%s, cut anywhere, is never answered with Enter', (name) => {
    for (const cut of cutsOf(screenOf(name))) expect(stepOf(ownerOf(name), cut), cut).not.toMatch(/: Enter$/)
  })

  it.each(Object.entries(EXPECTED).filter(([, step]) => step === 'input'))(
    '%s, below a quoted dialog, is an input row',
    (name) => {
      for (const dialog of ['claude-332-bypass', 'claude-trust', 'codex-171-trust-80x24'])
        for (const reader of [claude, codex]) {
          const quoted = `${screenOf(dialog).trimEnd()}\n\n${screenOf(name)}`
          if (reader === ownerOf(name)) expect(stepOf(reader, quoted)).toBe('input')
        }
    },
  )
})

const rule = '─'.repeat(40)

describe('an input row', () => {
  it.each([
    ['claude-ready', ''],
    ['claude-typed', 'hello there'],
    ['claude-pasted', '[Pasted text #1 +30 lines]'],
    ['claude-busy', ''],
    ['claude-332-ready-40x10', ''],
    ['claude-332-typed-80x24', 'hello there'],
    ['claude-332-pasted-80x24', '[Pasted text #1 +30 lines]'],
    ['claude-332-logged-out-80x24', ''],
    ['codex-ready', 'Ask Codex to do anything'],
    ['codex-typed', 'hello there'],
    ['codex-pasted', '[Pasted Content 1092 chars]'],
    ['codex-busy', 'Ask Codex to do anything'],
    ['codex-171-typed-80x24', 'hello there'],
  ])('of %s contains %j', (name, text) => {
    expect(inputOf(ownerOf(name), screenOf(name))).toBe(text)
  })

  const hasNone = ([name, step]: readonly string[]): boolean =>
    step !== 'input' && !/logged-out|starting/.test(name ?? '')
  it.each(Object.entries(EXPECTED).filter(hasNone))('is not found in %s', (name) => {
    expect(inputOf(ownerOf(name), screenOf(name))).toBeUndefined()
  })

  it.each([
    ['codex', '\u001b[1m›\u001b[0m\u001b[39m\u001b[49m \u001b[2mAsk Codex to do anything\u001b[0m', ''],
    ['codex', '\u001b[1m›\u001b[0m\u001b[39m\u001b[49m a draft', 'a draft'],
    ['claude', '\u001b[39m❯ \u001b[7m \u001b[0m\u001b[39m\u001b[49m', ''],
    ['claude', '\u001b[39m❯ draft here\u001b[7m \u001b[0m', 'draft here'],
    ['claude', '\u001b[39m❯ \u001b[7mT\u001b[0;2mry "fix it"\u001b[0m', 'T'],
    ['claude', '\u001b[39m❯ \u001b[2;7mT\u001b[0;2mry "fix it"\u001b[22m', ''],
    ['claude', '\u001b[39m❯ \u001b[38;2;2;2;2mred\u001b[39m \u001b[48;5;2mgreen\u001b[0m', 'red green'],
  ] as const)(
    'of %s, captured with attributes, distinguishes a draft from a placeholder: %j',
    (runtime, row, draft) => {
      const around =
        runtime === 'claude' ? [`${rule}\n`, `\n${rule}\n  bypass permissions on`] : ['', '\n\n  fake · /x']
      expect(readerOf(runtime === 'claude' ? claude : codex).draft(around.join(row))).toBe(draft)
    },
  )

  const quoted = ' ❯ 1. Yes, I trust this folder\n   2. No, exit\n ❯ No, exit\n   Yes, I accept\n'

  it('below quoted dialogs is found', () => {
    const screen = `${quoted}\n${rule}\n❯\u00a0\n${rule}\n  ⏵⏵ bypass permissions on\n`
    expect(stepOf(claude, screen)).toBe('input')
    const other =
      '› 1. Trust and continue\n\n• That is what it asks.\n\n› Ask Codex to do anything\n\n  fake · /x\n'
    expect(stepOf(codex, other)).toBe('input')
  })

  it.each([
    `${rule}\n❯ \n${rule}\n  ⏵⏵ bypass permissions on (shift+tab to cycle)      Not logged in · run /login`,
    `${rule}\n❯ \n${rule}\n  ⏵⏵ bypass permissions on\n          Not logged in · Run /login\n      ● high · /effort`,
    `          Not logged in · run /login\n${rule}\n❯ Once fixed, resend your message\n${rule}\n  ⏵⏵ bypass permissions on`,
    `  Not logged in · …\n${rule}\n❯ \n${rule}\n  ⏵⏵ bypass`,
  ])('next to "Not logged in" needs a login: %j', (screen) => {
    expect(stepOf(claude, screen)).toBe('login: a person')
  })

  it('below text about another login is found', () => {
    const talk = `● Not logged in · run /login\n${rule}\n❯ \n${rule}\n  aws: Not logged in to prod\n`
    expect(stepOf(claude, talk)).toBe('input')
  })

  it('that contains a numbered list is read completely', () => {
    const text = '1. one\n  2. two'
    expect(inputOf(claude, `${rule}\n❯ ${text}\n${rule}\n  ⏵⏵ bypass permissions on`)).toBe(text)
    expect(inputOf(codex, `› ${text}\n\n  fake · /x`)).toBe(text)
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
    `${rule}\n❯ No, exit\n  Yes, I accept`,
    `❯ hello\n\n● answer\n${rule}\n${rule}\n`,
    `${rule}\n❯ \n${rule}\nSegmentation fault`,
    '› hello\n\n• Working (2s)',
    '› Ask Codex\n\n  enter continue · esc back',
    '\u001b[2J\u001b[H\ufffd\ufffd ❯\u0000',
    'user@host:~$ ',
    '> ',
    '  ❯ No, exit\n    Yes, I accept\n\n  That is the dialog that I mean.',
    '  No, exit\n❯ Yes, I accept\n\n  Then it goes on · and on',
    '• The dialog:\n\n  › 1. Trust and continue\n  2. Back\n\n  Worked for 2s',
  ])('is not found in %j, and nothing is answered with Enter there', (screen) => {
    for (const adapter of [claude, codex]) expect(stepOf(adapter, screen)).not.toMatch(/^input$|: Enter$/)
  })
})
