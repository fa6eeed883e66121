import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { updatePeer } from '@iapeer/core/registry'
import { asyncCleanups, run, until } from '@iapeer/dev/testing'
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
}

interface View {
  /** @default [200, 24] */
  readonly size?: readonly [number, number]
  /** A shell command. @default `iapeer list --watch`, then a line with its exit code: `exit 130` */
  readonly command?: string
  readonly env?: Readonly<Record<string, string>>
}

let views = 0

/** Runs `iapeer list --watch` in a pane of a private tmux server. */
async function watching(home: Home, view: View = {}): Promise<Screen> {
  const { size = [200, 24], env = {} } = view
  const { command = `'${process.execPath}' '${MAIN}' list --watch; echo "exit $?"; exec cat` } = view
  const server = await home.server(`screen${++views}`)
  const { tmux } = server
  const words = Object.entries({ IAPEER_ROOT: home.root, ...env }).flatMap(([name, value]) => [
    '-e',
    `${name}=${value}`,
  ])
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

const QUIT = 'Press Ctrl-C to quit'

/** Waits until the screen shows exactly these lines; the failure shows the actual lines. */
async function shows(screen: Screen, wanted: readonly string[]): Promise<void> {
  let now: string[] = []
  const same = async () => {
    now = (await screen.lines()).map(still)
    return now.join('\n') === wanted.map(still).join('\n')
  }
  await until('the rows', same, 6_000).catch(() => expect(now).toEqual(wanted.map(still)))
}

/** Waits until a row of the screen matches. */
async function showsRow(screen: Screen, row: RegExp): Promise<void> {
  const text = async (): Promise<string> => (await screen.lines()).join('\n')
  const shown = async () => row.test(await text())
  await until(`${row}`, shown, 6_000).catch(async () => expect(await text()).toMatch(row))
}

describe('iapeer list --watch', () => {
  it('shows the same rows as iapeer list after each change of a state, a new peer and a removed one', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob', 'cid', 'eve'])
    const screen = await watching(home)
    const changes = [
      [['show', 'ann'], /^○ ann +new /m],
      [['start', 'bob'], /^● bob +running /m],
      [['start', 'ann'], /^● ann +running /m],
      [['stop', 'bob'], /^○ bob +stopped /m],
      [['create', 'dan', '--', 'sleep', '1000'], /^○ dan +new /m],
      [['start', 'dan'], /^● dan +running /m],
      [['stop', 'dan'], /^○ dan +stopped /m],
      [['remove', 'cid'], /STATE [\s\S]*bob [\s\S]*Press/],
      [['stop', 'ann'], /^○ ann +stopped /m],
    ] as const
    for (const [change, row] of changes) {
      expect(await home.iapeer(...change)).toMatchObject({ exitCode: 0 })
      await showsRow(screen, row)
      await shows(screen, [...(await listed(home)), QUIT])
    }
  }, 60_000)

  it('settles a peer that has died, without another command', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    await home.iapeer('start', '--all')
    const screen = await watching(home, { env: { IAPEER_CRASHLOOP_MAX: '1' } })
    await showsRow(screen, /^● bob +running /m)
    const bob = (await listSessions(home.root)).find(({ identity }) => identity === 'command-bob')
    process.kill(bob?.server.pid ?? Number.NaN, 'SIGKILL')
    await showsRow(screen, /^✕ bob +gave up \(1 death in 5 min\) /m)
    await showsRow(screen, /^● ann +running /m)
  })

  it('finishes a launch that a person has unblocked, without another command', async () => {
    const home = newHome()
    const script = join(home.path, 'asks.sh')
    writeFileSync(script, ASKS)
    await home.iapeer('create', 'bob', '--runtime', 'claude')
    await updatePeer(home.root, 'bob', { command: ['/bin/sh', script] })
    expect(await home.iapeer('start', 'bob', '--timeout', '2')).toMatchObject({ exitCode: 8 })
    const screen = await watching(home)
    await showsRow(screen, /^! bob +blocked /m)
    const [bob] = await listSessions(home.root)
    await run('tmux', ['-S', bob?.socketPath ?? '', 'send-keys', '-t', bob?.paneId ?? '', 'y'])
    await showsRow(screen, /^● bob +running /m)
  })

  it('redraws after a resize, and counts the rows that do not fit', async () => {
    const home = newHome()
    const names = Array.from({ length: 12 }, (_none, at) => `p${String(at).padStart(2, '0')}`)
    await makePeers(home, names)
    const screen = await watching(home)
    const all = await listed(home)
    await shows(screen, [...all, QUIT])
    await screen.resize(200, 10)
    await shows(screen, [...all.slice(0, 8), '+ 5 more: iapeer list prints all', QUIT])
    await home.iapeer('start', 'p03')
    const changed = await listed(home)
    await shows(screen, [...changed.slice(0, 8), '+ 5 more: iapeer list prints all', QUIT])
    // First the table fits exactly, then there is one row too few.
    await screen.resize(200, 14)
    await shows(screen, [...changed, QUIT])
    await screen.resize(200, 13)
    await shows(screen, [...changed.slice(0, 11), '+ 2 more: iapeer list prints all', QUIT])
    await screen.resize(30, 24)
    // Whole columns are dropped: no row is cut.
    const narrow = changed
      .map((line) => line.split(/ {2,}/))
      .map(([peer, state, , , death]) => `${peer}  ${state}  ${death}`)
    await shows(screen, [...narrow, QUIT])
    await screen.resize(200, 2)
    await shows(screen, ['+ 13 more: iapeer list prints all', QUIT])
    await screen.resize(200, 24)
    await shows(screen, [...changed, QUIT])
  }, 60_000)

  it('Ctrl-C restores the terminal and prints the last rows on it', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home)
    await shows(screen, [...(await listed(home)), QUIT])
    // Ctrl-Z is ignored here, because no shell could continue the command.
    await screen.keys('C-z')
    await home.iapeer('start', 'bob')
    const rows = [...(await listed(home)), QUIT]
    await shows(screen, rows)
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    await screen.keys('C-c')
    await until('its exit', async () => (await screen.lines()).at(-1) === 'exit 130')
    expect((await screen.lines()).map(still)).toEqual([...rows.map(still), 'exit 130'])
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })

  it('Ctrl-\\ restores the terminal', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home)
    await shows(screen, [...(await listed(home)), QUIT])
    await screen.keys('C-\\')
    await until('its exit', async () => (await screen.lines()).some((line) => line.endsWith('exit 131')))
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })

  it('exits with the error if the registry can no longer be read', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home)
    await shows(screen, [...(await listed(home)), QUIT])
    writeFileSync(rootLayout(home.root).registry, 'not JSON')
    await until('its exit', async () => (await screen.lines()).at(-1) === 'exit 1')
    expect((await screen.lines()).join('\n')).toMatch(/Press Ctrl-C to quit\niapeer: .*registry/)
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })

  it('Ctrl-Z restores the terminal until fg', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home, { command: 'exec bash --norc -i' })
    const prompt = async () => /[#$]$/.test((await screen.lines()).at(-1) ?? '')
    await until('the shell', prompt)
    await screen.keys(`${process.execPath} ${MAIN} list --watch`, 'Enter')
    const rows = [...(await listed(home)), QUIT]
    await shows(screen, rows)
    await screen.keys('C-z')
    await until('the shell', async () => /Stopped/.test((await screen.lines()).join()))
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
    await home.iapeer('start', 'bob')
    await screen.keys('fg', 'Enter')
    await shows(screen, [...(await listed(home)), QUIT])
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    await screen.keys('C-c')
    await until('the shell', prompt)
  })

  it('prints colours unless NO_COLOR is set, and the same rows', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const rows = [...(await listed(home)), QUIT]
    const coloured = await watching(home)
    await shows(coloured, rows)
    expect(await coloured.escapes()).toContain('\u001b[1mann')
    const plain = await watching(home, { env: { NO_COLOR: '1' } })
    await shows(plain, rows)
    expect(await plain.escapes()).not.toContain('\u001b')
  })

  it('without a terminal, the error names the command for scripts', async () => {
    expect(await newHome().iapeer('list', '--watch')).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/--watch needs a terminal\n {2}In a script, use iapeer events -f --json/),
    })
  })
})
