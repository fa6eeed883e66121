import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asyncCleanups, campaignCases, isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { type Home, homes, MAIN } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

interface Shell {
  readonly screen: () => Promise<string>
  readonly keys: (...keys: string[]) => Promise<unknown>
  readonly escapes: () => Promise<string>
  readonly joined: () => Promise<string>
}

/** Runs a shell command in a pane, in which `iapeer` is this build; then the pane prints `exit <code>` and stays. */
async function inPane(
  home: Home,
  command: string,
  env: Readonly<Record<string, string>> = {},
  [columns, rows]: readonly [number, number] = [80, 10],
): Promise<Shell> {
  const { tmux } = await home.server('screen')
  await tmux('set-option', '-g', 'status', 'off')
  for (const name of ['NO_COLOR', 'PAGER', 'LESS', 'IAPEER_PAGER', 'LC_ALL', 'LANG'])
    await tmux('set-environment', '-gr', name)
  const all = { IAPEER_ROOT: home.root, LC_ALL: 'C.UTF-8', ...env }
  // tmux sets TERM itself.
  const term = `export TERM='${env['TERM'] ?? 'tmux-256color'}'`
  const iapeer = `${term}; iapeer() { '${process.execPath}' '${MAIN}' "$@"; }`
  const words = Object.entries(all).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const size = ['-x', String(columns), '-y', String(rows)]
  await tmux(
    'new-session',
    '-d',
    '-s',
    'w',
    ...size,
    ...words,
    `${iapeer}; ${command}; echo "exit $?"; exec cat`,
  )
  track(() => tmux('kill-session', '-t', '=w'))
  const capture = async (...args: string[]) =>
    (await tmux('capture-pane', '-p', ...args, '-t', 'w:')).stdout.trimEnd()
  return {
    screen: () => capture(),
    escapes: () => capture('-e'),
    joined: () => capture('-J'),
    keys: (...keys) => tmux('send-keys', '-t', 'w:', ...keys),
  }
}

/** Makes a peer bob whose log has numbered lines. */
async function withLines(home: Home, count: number): Promise<void> {
  await home.iapeer('create', 'bob', '--', 'sleep', '1000')
  const path = join(home.root, 'logs', 'lifecycle', 'command-bob.log')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, Array.from({ length: count }, (_none, at) => `line ${at + 1}\r\n`).join(''))
}

const shows = (shell: Shell, text: RegExp): Promise<unknown> =>
  until(`${text}`, async () => text.test(await shell.screen())).catch(async () =>
    expect(await shell.screen()).toMatch(text),
  )

describe('the pager', () => {
  it('shows output that is longer than the screen, survives Ctrl-C, and keeps the exit code', async () => {
    const home = newHome()
    await withLines(home, 50_000)
    const shell = await inPane(home, 'iapeer logs bob')
    await shows(shell, /^line 1\n[\s\S]*line 9\n:$/)
    await shell.keys('C-c')
    await shell.keys('G')
    await shows(shell, /line 50000\n\(END\)$/)
    await shell.keys('q')
    await shows(shell, /line 50000\nexit 0$/)
  })

  it('that is quit early leaves no message, and the command exits with 0', async () => {
    const home = newHome()
    await withLines(home, 200_000)
    const shell = await inPane(home, 'iapeer logs bob')
    await shows(shell, /line 9\n:$/)
    await shell.keys('q')
    await shows(shell, /exit 0$/)
    expect(await shell.screen()).not.toMatch(/EPIPE|[Ee]rror/)
  })

  it('is not started for output that fits the screen', async () => {
    const home = newHome()
    await withLines(home, 9)
    const shell = await inPane(home, 'iapeer logs bob', {
      PAGER: 'touch "$HOME/started"; cat',
      HOME: home.path,
    })
    await shows(shell, /line 9\nexit 0$/)
    expect(existsSync(join(home.path, 'started'))).toBe(false)
  })

  it.each(
    campaignCases([
      ['--no-pager', {}],
      ['', { PAGER: 'cat' }],
      ['', { PAGER: '' }],
      ['', { IAPEER_PAGER: 'cat', PAGER: 'less' }],
      ['', { TERM: 'dumb' }],
      ['| cat', {}],
    ]),
  )('is not started with %j and %j', async (words, env) => {
    const home = newHome()
    await withLines(home, 50)
    const shell = await inPane(home, `iapeer logs bob ${words}`, env)
    await shows(shell, /line 50\nexit 0$/)
  })

  it('is IAPEER_PAGER before PAGER, is run by a shell, and has the options of less that git sets', async () => {
    const home = newHome()
    await withLines(home, 50)
    const log = join(home.path, 'seen')
    const pager = `{ echo "$LESS $LV"; wc -l; } >"${log}"; exit 3`
    const shell = await inPane(home, 'iapeer logs bob', { IAPEER_PAGER: pager, PAGER: 'less' })
    await shows(shell, /^exit 0$/)
    expect(readFileSync(log, 'utf8')).toBe('FRX -c\n50\n')
  })

  it.each(campaignCases(['no-such-pager', 'FOO=1 no-such-pager --x']))(
    'that cannot be run (%s) loses no output',
    async (pager) => {
      const home = newHome()
      await withLines(home, 50)
      const shell = await inPane(home, 'iapeer logs bob', { PAGER: pager })
      await shows(shell, /line 49\nline 50\nexit 0$/)
    },
  )

  it('shows deaths and events too, and the error of a wrong option without it', async () => {
    const home = newHome()
    const directory = join(home.root, 'logs', 'iapeer')
    mkdirSync(directory, { recursive: true })
    const gens = Array.from({ length: 30 }, (_none, at) => String(at).padStart(16, 'a'))
    const line = (gen: string) =>
      `ts=${new Date().toISOString()} ev=session-exit identity=claude-bob gen=${gen} dead_status=1 dead_signal= leader_pid=8 forensics=\n`
    writeFileSync(join(directory, 'exits.log'), gens.map(line).join(''))
    const shell = await inPane(home, 'iapeer deaths; iapeer deaths --peer none')
    await shows(shell, /^WHEN [\s\S]*\n:$/)
    await shell.keys('q')
    await shows(shell, /no such peer: none[\s\S]*\nexit 4$/)
  })
})

const CLAUDE = 'claude-a-long-identity'

function withDeaths(home: Home): void {
  const directory = join(home.root, 'logs', 'iapeer')
  mkdirSync(directory, { recursive: true })
  const line = (gen: string, identity: string, signal: string) =>
    `ts=${new Date().toISOString()} ev=session-exit identity=${identity} gen=${gen} dead_status= dead_signal=${signal} leader_pid=8 forensics=\n`
  writeFileSync(
    join(directory, 'exits.log'),
    line('0123456789abcdef', CLAUDE, 'SIGKILL') + line('123456789abcdef0', 'claude-bob', 'SIGSEGV'),
  )
}

describe('a narrow terminal', () => {
  it.each(
    campaignCases([
      [100, /^WHEN +IDENTITY +VERDICT +CONFIDENCE +ID$/m, CLAUDE],
      [80, /^WHEN +IDENTITY +VERDICT +CONFIDENCE +ID$/m, CLAUDE],
      [66, /^WHEN +IDENTITY +VERDICT +ID$/m, CLAUDE],
      [60, /^WHEN +IDENTITY +VERDICT +ID$/m, 'claude-a-long-ide'],
      [46, /^IDENTITY +VERDICT +ID$/m, 'claude-a-long-'],
      [36, /^IDENTITY +VERDICT +ID$/m, 'claud'],
    ]),
  )('of %i columns shows verdicts and ids whole', async (columns, head, name) => {
    const home = newHome()
    withDeaths(home)
    const shell = await inPane(home, 'iapeer deaths', {}, [columns, 20])
    await shows(shell, /exit 0$/)
    const screen = await shell.screen()
    expect(screen).toMatch(head)
    expect(screen).toMatch(/ killed-by-signal .*\b01234567$/m)
    expect(screen).toMatch(/ crashed .*\b12345678$/m)
    expect(screen).toContain(name)
  })

  it.each(campaignCases([46, 60, 80]))(
    'of %i columns breaks status, events and autopsy at words',
    async (columns) => {
      const home = newHome()
      withDeaths(home)
      const server = await home.server('a-server-with-a-name')
      await home.iapeer('watch', server.socketPath)
      const command = `iapeer status; iapeer events; iapeer autopsy ${CLAUDE} --no-pager`
      const shell = await inPane(home, command, { HOME: home.path }, [columns, 60])
      await shows(shell, /exit 0$/)
      const screen = await shell.screen()
      const whole = screen.replace(/\n +/g, ' ')
      expect(whole).toContain('2 deaths recorded; the last: claude-bob')
      expect(whole).toContain('recorder started')
      expect(whole).toContain('watched')
      // A path is broken only if it is longer than a line.
      expect(screen).not.toContain(home.path)
      for (const word of ['recorded', 'watched', 'confidence', 'evidence'])
        expect(screen.replaceAll('\n', ''), word).toContain(word)
      expect(screen).toMatch(/\brecorded\b/)
      expect(screen).toMatch(/\bconfidence\b/)
    },
  )

  it.runIf(isFullCampaign())(
    'of a locale without UTF-8, or a dumb terminal, shows ASCII and no colours',
    async () => {
      const home = newHome()
      withDeaths(home)
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      const path = join(home.root, 'logs', 'lifecycle', 'command-bob.log')
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(
        path,
        `one\n\u001b]8973;iapeer-run;${new Date().toISOString()}\u0007\n\u001b[31mred\u001b[0m\n`,
      )
      const command = `iapeer deaths --summary; iapeer autopsy ${CLAUDE} --no-pager; iapeer logs bob`
      const shell = await inPane(home, command, { LC_ALL: 'C', TERM: 'dumb' }, [60, 70])
      await shows(shell, /exit 0$/)
      const screen = await shell.screen()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is about their absence
      expect(screen).not.toMatch(/[^\u0000-\u007e]/)
      expect(screen).toMatch(/-- started \d+ s ago --\nred\n/)
      expect(screen).toMatch(/ 1 +#+/)
      expect(await shell.escapes()).not.toContain('\u001b[')
    },
  )
})

it.each(
  campaignCases([
    'doctor',
    'notify list',
    'config list',
    'show bob',
    '--help',
    'drill --help',
    'uninstall --help',
  ]),
)('%s breaks no line in the middle of a word at 46 columns', async (command) => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--description', 'A peer.', '--', 'sleep', '1000')
  const shell = await inPane(home, `iapeer ${command}`, {}, [46, 300])
  await until('its end', async () => /exit [01]$/.test(await shell.screen()))
  const trimmed = (text: string) => text.replace(/ +$/gm, '')
  // Joined are the lines that the terminal, not the program, has broken.
  expect(trimmed(await shell.joined())).toBe(trimmed(await shell.screen()))
})
