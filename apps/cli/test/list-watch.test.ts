import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { updatePeer } from '@iapeer/core/registry'
import { asyncCleanups, campaignCases, isFullCampaign, run, until } from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { describe, expect, it } from 'vitest'
import { ASKS, type Home, homes, MAIN } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

interface Screen {
  /** Returns the lines of the pane without trailing blanks, up to the last one with text. */
  readonly lines: () => Promise<string[]>
  /** Returns the text of the pane with its escape sequences. */
  readonly escapes: () => Promise<string>
  readonly resize: (columns: number, rows: number) => Promise<unknown>
  readonly keys: (...keys: string[]) => Promise<unknown>
  /** Returns the value of a tmux format of the pane. */
  readonly ask: (format: string) => Promise<string>
  /** Sends a signal to the command. */
  readonly signal: (name: NodeJS.Signals) => void
}

interface View {
  /** @default [200, 24] */
  readonly size?: readonly [number, number]
  /** A shell command. @default `iapeer list --watch`, then a line with its exit code and the mode of the terminal: `exit 130 icanon` */
  readonly command?: string
  readonly env?: Readonly<Record<string, string>>
}

let views = 0

const WATCH = `'${process.execPath}' '${MAIN}' list --watch`
const THEN_EXIT_CODE = (command: string) =>
  `${command}; echo "exit $? $(stty -a | grep -o -- '-*icanon')"; exec cat`

/** Notes the pid of the view, and lets SIGUSR2 throw an error in it that nothing catches. */
const HOOK = `import { writeFileSync } from 'node:fs'
if (process.argv.includes('--watch')) {
  writeFileSync(process.env.PID_FILE, String(process.pid))
  process.on('SIGUSR2', () => { throw new Error('injected') })
}
`

/** Runs `iapeer list --watch` in a pane of a private tmux server. */
async function watching(home: Home, view: View = {}): Promise<Screen> {
  const { size = [200, 24], env = {} } = view
  const { command = THEN_EXIT_CODE(WATCH) } = view
  const server = await home.server(`screen${++views}`)
  const [hook, pidFile] = [join(home.path, 'hook.mjs'), join(home.path, `pid${views}`)]
  writeFileSync(hook, HOOK)
  const { tmux } = server
  const words = Object.entries({
    IAPEER_ROOT: home.root,
    LC_ALL: 'C.UTF-8',
    NODE_OPTIONS: `--import=${hook}`,
    PID_FILE: pidFile,
    ...env,
  }).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  await tmux('set-environment', '-gr', 'NO_COLOR')
  await tmux('set-option', '-g', 'status', 'off')
  const [columns, rows] = size.map(String)
  await tmux('new-session', '-d', '-s', 'view', '-x', columns ?? '', '-y', rows ?? '', ...words, command)
  const capture = async (...args: string[]) =>
    (await tmux('capture-pane', '-p', ...args, '-t', 'view:')).stdout.trimEnd()
  track(() => tmux('kill-session', '-t', 'view'))
  return {
    lines: async () => (await capture()).split('\n').map((line) => line.trimEnd()),
    escapes: () => capture('-e'),
    resize: (width, height) => tmux('resize-window', '-t', 'view:', '-x', `${width}`, '-y', `${height}`),
    ask: async (format) => (await tmux('display-message', '-p', '-t', 'view:', format)).stdout.trim(),
    signal: (name) => process.kill(Number(readFileSync(pidFile, 'utf8')), name),
    keys: (...keys) => tmux('send-keys', '-t', 'view:', ...keys),
  }
}

/** Returns a row without what changes by itself: ages, and the width of their columns. */
const still = (line: string): string =>
  line
    .replace(/\d+ (?:s|min)\b/g, 'AGE')
    .replace(/ +/g, ' ')
    .trimEnd()

/** Returns what `iapeer list` prints now: the watched list must show the same. */
const listed = async (home: Home): Promise<string[]> =>
  (await home.iapeer('list')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd())

async function makePeers(home: Home, names: readonly string[]): Promise<void> {
  for (const name of names) await home.iapeer('create', name, '--', 'sleep', '1000')
}

const KEYS = 'Enter attach  s stop  r restart  l logs  a autopsy  ? help  q quit'
const NO_KEYS = 'Press Ctrl-C to quit'

/** Returns the rows of `iapeer list` as the view shows them: two columns to the right, one row marked. */
const marked = ([head = '', ...rows]: readonly string[], selected = 0): string[] => [
  `  ${head}`,
  ...rows.map((row, at) => `${at === selected ? '>' : ' '} ${row}`),
]

/** Waits until the screen shows exactly these lines; the failure shows the actual lines. */
async function shows(screen: Screen, wanted: readonly string[]): Promise<void> {
  let now: string[] = []
  const same = async () => {
    now = (await screen.lines()).map(still)
    return now.join('\n') === wanted.map(still).join('\n')
  }
  await until('the rows', same, 6_000).catch(() => expect(now).toEqual(wanted.map(still)))
}

/** Waits until the screen matches. */
async function showsRow(screen: Screen, row: RegExp): Promise<void> {
  const text = async (): Promise<string> => (await screen.lines()).join('\n')
  const shown = async () => row.test(await text())
  await until(`${row}`, shown, 6_000).catch(async () => expect(await text()).toMatch(row))
}

/** Waits until the command has exited; the terminal is as it was. */
async function exits(screen: Screen, code: number): Promise<void> {
  await until('its exit', async () => (await screen.lines()).some((line) => line.includes(`exit ${code} `)))
  expect((await screen.lines()).join('\n')).toContain(`exit ${code} icanon`)
  expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
}

const leaderOf = async (home: Home, identity: string): Promise<number> => {
  const session = (await listSessions(home.root)).find((one) => one.identity === identity)
  return session?.leader.pid ?? Number.NaN
}

describe('iapeer list --watch', () => {
  it.runIf(isFullCampaign())(
    'shows the same rows as iapeer list after each change of a state, a new peer and a removed one',
    async () => {
      const home = newHome()
      await makePeers(home, ['ann', 'bob', 'cid', 'eve'])
      const screen = await watching(home)
      await showsRow(screen, /^> ○ ann /m)
      // The selection stays on ann.
      const changes = [
        [['start', 'bob'], /^ {2}● bob +running /m],
        [['start', 'ann'], /^> ● ann +running /m],
        [['stop', 'bob'], /^ {2}○ bob +stopped /m],
        [['create', 'dan', '--', 'sleep', '1000'], /^ {2}○ dan +new /m],
        [['start', 'dan'], /^ {2}● dan +running /m],
        [['stop', 'dan'], /^ {2}○ dan +stopped /m],
        [['remove', 'cid'], /^(?![\s\S]*\bcid\b)[\s\S]*\bbob\b/],
        [['stop', 'ann'], /^> ○ ann +stopped /m],
      ] as const
      for (const [change, row] of changes) {
        expect(await home.iapeer(...change)).toMatchObject({ exitCode: 0 })
        await showsRow(screen, row)
        const rows = await listed(home)
        const at = rows.findIndex((line) => /^. ann /.test(line)) - 1
        await shows(screen, [...marked(rows, at), KEYS])
      }
    },
    60_000,
  )

  it.runIf(isFullCampaign())('settles a peer that has died, without another command', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    await home.iapeer('start', '--all')
    const screen = await watching(home, { env: { IAPEER_CRASHLOOP_MAX: '1' } })
    await showsRow(screen, /● bob +running /m)
    const bob = (await listSessions(home.root)).find(({ identity }) => identity === 'command-bob')
    process.kill(bob?.server.pid ?? Number.NaN, 'SIGKILL')
    await showsRow(screen, /✕ bob +gave up \(1 death in 5 min\) /m)
    await showsRow(screen, /● ann +running /m)
  })

  it.runIf(isFullCampaign())(
    'finishes a launch that a person has unblocked, without another command',
    async () => {
      const home = newHome()
      const script = join(home.path, 'asks.sh')
      writeFileSync(script, ASKS)
      await home.iapeer('create', 'bob', '--runtime', 'claude')
      await updatePeer(home.root, 'bob', { command: ['/bin/sh', script] })
      expect(await home.iapeer('start', 'bob', '--timeout', '2')).toMatchObject({ exitCode: 8 })
      const screen = await watching(home)
      await showsRow(screen, /! bob +blocked /m)
      const [bob] = await listSessions(home.root)
      await run('tmux', ['-S', bob?.socketPath ?? '', 'send-keys', '-t', bob?.paneId ?? '', 'y'])
      await showsRow(screen, /● bob +running /m)
    },
  )

  it.runIf(isFullCampaign())(
    'at every size, while it is resized, each row is reached once and none is lost',
    async () => {
      const home = newHome()
      const names = Array.from({ length: 14 }, (_none, at) => `p${String(at).padStart(2, '0')}`)
      await makePeers(home, names)
      const screen = await watching(home, { size: [200, 60] })
      await shows(screen, [...marked(await listed(home)), KEYS])
      const sizes = [
        [40, 6],
        [80, 10],
        [60, 3],
        [200, 60],
        [40, 17],
      ] as const
      for (const [columns, rows] of campaignCases(sizes)) {
        await screen.resize(columns, rows)
        await screen.keys('Home')
        for (const [at, name] of names.entries()) {
          await showsRow(screen, new RegExp(`^> ○ ${name} +new`, 'm'))
          const lines = await screen.lines()
          expect(lines.length).toBeLessThanOrEqual(rows)
          const shown = lines.flatMap((line) => /^[> ] ○ (p\d\d)/.exec(line)?.[1] ?? [])
          // The rows in view are neighbours in the list.
          expect(names.join()).toContain(shown.join())
          const hidden = lines.flatMap((line) => [...line.matchAll(/^\+ (\d+) more|(\d+) above$/g)])
          const counted = hidden.reduce((sum, [, more, above]) => sum + Number(more ?? above), 0)
          expect(shown.length + counted).toBe(names.length)
          if (at < names.length - 1) await screen.keys(at % 2 === 0 ? 'Down' : 'j')
        }
      }
      await screen.resize(200, 8)
      await screen.keys('Home')
      const all = marked(await listed(home))
      await shows(screen, [...all.slice(0, 6), '+ 9 more', KEYS])
      // First the table fits exactly, then there is one row too few.
      await screen.resize(200, 16)
      await shows(screen, [...all, KEYS])
      await screen.resize(200, 15)
      await shows(screen, [...all.slice(0, 13), '+ 2 more', KEYS])
    },
    120_000,
  )

  it.runIf(isFullCampaign())('the selection follows its peer when the peers are sorted anew', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob', 'cid'])
    await home.iapeer('start', 'cid')
    const screen = await watching(home)
    await showsRow(screen, /^> ● cid/m)
    await screen.keys('End')
    await showsRow(screen, /^> ○ bob/m)
    await home.iapeer('start', 'bob')
    await showsRow(screen, /^> ● bob[\s\S]*^ {2}● cid[\s\S]*^ {2}○ ann/m)
    process.kill(await leaderOf(home, 'command-cid'), 'SIGKILL')
    await showsRow(screen, /^ {2}✕ cid +dead[\s\S]*^> ● bob/m)
  })

  it.runIf(isFullCampaign())(
    'stops and restarts the selected peer after a yes, and shows what the command printed',
    async () => {
      const home = newHome()
      await makePeers(home, ['ann', 'bob'])
      await home.iapeer('start', '--all')
      const screen = await watching(home, { size: [80, 10] })
      await showsRow(screen, /^> ● ann/m)
      await screen.keys('j', 's')
      await showsRow(screen, /^stop bob\? \(y\/n\)$/m)
      await screen.keys('n')
      await showsRow(screen, /q quit$/m)
      expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running/m)
      await screen.keys('s', 'y')
      await showsRow(screen, /^○ bob is stopped$/m)
      await showsRow(screen, /^> ○ bob +stopped/m)
      const before = await leaderOf(home, 'command-ann')
      await screen.keys('k', 'r', 'y')
      await showsRow(screen, /^● ann is restarted: pid \d+$/m)
      expect(await leaderOf(home, 'command-ann')).not.toBe(before)
      // The error of a command does not end the view.
      await screen.keys('j', 'r', 'y')
      await showsRow(screen, /^bob is not running\. It was stopped on purpose\. Start it: iapeer start bob$/m)
      await screen.keys('j', 'Enter')
      await showsRow(screen, /^bob is not running\. .*Start it: iapeer start bob$/m)
      await screen.keys('q')
      await exits(screen, 0)
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'shows the output and the autopsy of the selected peer, and comes back',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sh', '-c', 'seq 100; exec sleep 1000')
      await home.iapeer('start', 'bob')
      const screen = await watching(home, { size: [60, 12] })
      await showsRow(screen, /^> ● bob/m)
      await screen.keys('a')
      await showsRow(screen, /^bob has no recorded death$/m)
      await screen.keys('l')
      await showsRow(screen, /^logs of bob {2}rows \d+-\d+ of \d+\n[\s\S]*^99\n100$/m)
      await screen.keys('Home')
      await showsRow(screen, /^1\n2\n3$/m)
      await screen.keys('q')
      await showsRow(screen, /^> ● bob/m)
      process.kill(await leaderOf(home, 'command-bob'), 'SIGKILL')
      await showsRow(screen, /^> ✕ bob +dead \(SIGKILL\)/m)
      await screen.keys('a')
      await showsRow(screen, /^autopsy of bob[\s\S]*command-bob/m)
      await screen.keys('Escape')
      await showsRow(screen, /^> ✕ bob/m)
      await screen.keys('?')
      await showsRow(screen, /^Keys[\s\S]*^s +stop it$/m)
      await screen.keys('?')
      await showsRow(screen, /^> ✕ bob/m)
    },
    60_000,
  )

  it('Enter attaches to the peer, and the view comes back after the detach', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'echo the screen of bob; exec cat')
    await home.iapeer('start', 'bob')
    const screen = await watching(home, { size: [60, 12] })
    for (let round = 0; round < 2; round++) {
      await showsRow(screen, /^> ● bob/m)
      await screen.keys('Enter')
      await showsRow(screen, /^the screen of bob$/m)
      await screen.keys(`typed${round}`, 'Enter')
      await showsRow(screen, new RegExp(`^typed${round}\ntyped${round}$`, 'm'))
      await screen.keys('C-b', 'd')
      await showsRow(screen, /^> ● bob[\s\S]*^detached from bob$/m)
    }
    await screen.keys('q')
    await exits(screen, 0)
  }, 60_000)

  it.each(
    campaignCases([
      ['q', 0],
      ['C-c', 130],
      ['C-\\', 131],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const),
  )('%s restores the terminal and prints the last rows on it', async (way, code) => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home)
    const rows = await listed(home)
    await shows(screen, [...marked(rows), KEYS])
    // Ctrl-Z is ignored here, because no shell could continue the command.
    await screen.keys('C-z')
    await until('the next key', async () => {
      await screen.keys('End')
      return (await screen.lines()).some((line) => line.startsWith('> ○ bob'))
    })
    await shows(screen, [...marked(rows, 1), KEYS])
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    if (way === 'SIGTERM' || way === 'SIGHUP') screen.signal(way)
    else await screen.keys(way)
    await exits(screen, code)
    const lines = (await screen.lines()).filter((line) => !line.endsWith('icanon'))
    expect(lines.slice(0, rows.length).map(still)).toEqual(rows.map(still))
  })

  it('an error that nothing catches restores the terminal', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home)
    await showsRow(screen, /q quit$/)
    screen.signal('SIGUSR2')
    await exits(screen, 1)
    expect((await screen.lines()).join('\n')).toMatch(/○ ann [\s\S]*Error: injected/)
  })

  it.runIf(isFullCampaign())('exits with the error if the registry can no longer be read', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home)
    await showsRow(screen, /q quit$/)
    writeFileSync(rootLayout(home.root).registry, 'not JSON')
    await exits(screen, 1)
    expect((await screen.lines()).join('\n')).toMatch(/○ ann .*\niapeer: .*registry/)
  })

  it.runIf(isFullCampaign())('Ctrl-Z restores the terminal until fg', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home, { command: 'exec bash --norc -i' })
    const prompt = async () => /[#$]$/.test((await screen.lines()).at(-1) ?? '')
    await until('the shell', prompt)
    await screen.keys(`${process.execPath} ${MAIN} list --watch`, 'Enter')
    await shows(screen, [...marked(await listed(home)), KEYS])
    await screen.keys('j', 'C-z')
    await until('the shell', async () => /Stopped/.test((await screen.lines()).join()))
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
    await screen.keys('clear; stty -a', 'Enter')
    await showsRow(screen, / echo /)
    await home.iapeer('start', 'bob')
    await screen.keys('fg', 'Enter')
    await shows(screen, [...marked(await listed(home)), KEYS])
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    await screen.keys('j')
    await shows(screen, [...marked(await listed(home), 1), KEYS])
    await screen.keys('C-c')
    await until('the shell', prompt)
  })

  it.runIf(isFullCampaign())('reads no keys where standard input is not a terminal', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home, { command: THEN_EXIT_CODE(`printf 'jq' | ${WATCH}`) })
    await shows(screen, [...(await listed(home)), NO_KEYS])
    await screen.keys('q', 's')
    await home.iapeer('start', 'bob')
    await showsRow(screen, /^● bob +running /m)
    await screen.keys('C-c')
    await exits(screen, 130)
  })

  it.runIf(isFullCampaign())('prints colours unless NO_COLOR is set, and the same rows', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const rows = [...marked(await listed(home)), KEYS]
    const coloured = await watching(home)
    await shows(coloured, rows)
    expect(await coloured.escapes()).toContain('\u001b[1mbob')
    const plain = await watching(home, { env: { NO_COLOR: '1' } })
    await shows(plain, rows)
    expect(await plain.escapes()).not.toContain('\u001b')
  })

  it('is ASCII in a locale without UTF-8', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home, { env: { LC_ALL: 'C' }, size: [40, 6] })
    await showsRow(screen, /^> o ann +new/m)
    expect((await screen.lines()).join('')).toMatch(/^[ -~]*$/)
  })

  it.runIf(isFullCampaign())(
    'on a dumb terminal, prints the list again after each change, without control sequences',
    async () => {
      const home = newHome()
      await makePeers(home, ['ann'])
      const screen = await watching(home, { command: THEN_EXIT_CODE(`TERM=dumb ${WATCH}`) })
      await showsRow(screen, /○ ann +new/)
      await home.iapeer('start', 'ann')
      await showsRow(screen, /^PEER [\s\S]*○ ann +new[\s\S]*\n\nPEER [\s\S]*● ann +running/)
      expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
      await screen.keys('C-c')
      await exits(screen, 130)
    },
  )

  it('without a terminal, the error names the command for scripts', async () => {
    expect(await newHome().iapeer('list', '--watch')).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/--watch needs a terminal\n {2}In a script, use iapeer events -f --json/),
    })
  })
})
