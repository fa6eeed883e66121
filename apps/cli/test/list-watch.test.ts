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
  /** The lines of the pane without trailing blanks, up to the last one that holds text. */
  readonly lines: () => Promise<string[]>
  /** The same as one text, with its colours. */
  readonly escapes: () => Promise<string>
  readonly resize: (columns: number, rows: number) => Promise<unknown>
  readonly keys: (...keys: string[]) => Promise<unknown>
  /** What tmux says of the pane, by a format. */
  readonly ask: (format: string) => Promise<string>
}

interface View {
  /** @default [200, 24] */
  readonly size?: readonly [number, number]
  /** A shell command. @default the watched list; when that exits, its exit code is printed */
  readonly command?: string
  readonly env?: Readonly<Record<string, string>>
}

let views = 0

/** Runs `iapeer list --watch` in a pane of a private tmux server. */
async function watching(home: Home, view: View = {}): Promise<Screen> {
  const { size = [200, 24], env = {} } = view
  const { command = `'${process.execPath}' '${MAIN}' list --watch; echo "left $?"; exec cat` } = view
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

/** What `iapeer list` prints now, which the watched list must show too. */
const listed = async (home: Home): Promise<string[]> =>
  (await home.iapeer('list')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd())

async function makePeers(home: Home, names: readonly string[]): Promise<void> {
  for (const name of names) await home.iapeer('create', name, '--', 'sleep', '1000')
}

/** Waits until the screen shows exactly these lines; fails with what it shows instead. */
async function shows(screen: Screen, wanted: readonly string[]): Promise<void> {
  let now: string[] = []
  const same = async () => {
    now = await screen.lines()
    return now.join('\n') === wanted.join('\n')
  }
  await until('the rows', same, 6_000).catch(() => expect(now).toEqual(wanted))
}

/** Waits until a row of the screen is as this pattern says. */
async function showsRow(screen: Screen, row: RegExp): Promise<void> {
  const text = async (): Promise<string> => (await screen.lines()).join('\n')
  const shown = async () => row.test(await text())
  await until(`${row}`, shown, 6_000).catch(async () => expect(await text()).toMatch(row))
}

describe('iapeer list --watch', () => {
  it('shows every row, as iapeer list does, after each change of a state, a new peer and a removed one', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob', 'cid', 'eve'])
    const screen = await watching(home)
    const changes = [
      [['show', 'ann'], /^○ ann +asleep /m],
      [['start', 'bob'], /^● bob +alive /m],
      [['start', 'ann'], /^● ann +alive /m],
      [['stop', 'bob'], /^✕ bob +stopped /m],
      [['create', 'dan', '--', 'sleep', '1000'], /^○ dan +asleep /m],
      [['start', 'dan'], /^● dan +alive /m],
      [['stop', 'dan'], /^✕ dan +stopped /m],
      [['remove', 'cid'], /bob [^\n]*\n[^\n]* dan /],
      [['stop', 'ann'], /^✕ ann +stopped /m],
    ] as const
    for (const [change, row] of changes) {
      expect(await home.iapeer(...change)).toMatchObject({ exitCode: 0 })
      await showsRow(screen, row)
      await shows(screen, [...(await listed(home)), 'Ctrl-C leaves'])
    }
  }, 60_000)

  it('settles a peer that has died, with no other command', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    await home.iapeer('start', '--all')
    const screen = await watching(home, { env: { IAPEER_CRASHLOOP_MAX: '1' } })
    await showsRow(screen, /^● bob +alive /m)
    const bob = (await listSessions(home.root)).find(({ identity }) => identity === 'command-bob')
    process.kill(bob?.server.pid ?? Number.NaN, 'SIGKILL')
    await showsRow(screen, /^! bob +crash-loop /m)
    await showsRow(screen, /^● ann +alive /m)
  })

  it('finishes a launch that a person has unblocked, with no other command', async () => {
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
    await showsRow(screen, /^● bob +alive /m)
  })

  it('a resize is followed at once, and rows that do not fit are counted', async () => {
    const home = newHome()
    const names = Array.from({ length: 12 }, (_none, at) => `p${String(at).padStart(2, '0')}`)
    await makePeers(home, names)
    const screen = await watching(home)
    const all = await listed(home)
    await shows(screen, [...all, 'Ctrl-C leaves'])
    await screen.resize(200, 10)
    await shows(screen, [...all.slice(0, 8), '… and 5 more: iapeer list prints all', 'Ctrl-C leaves'])
    await home.iapeer('start', 'p03')
    const changed = await listed(home)
    await shows(screen, [...changed.slice(0, 8), '… and 5 more: iapeer list prints all', 'Ctrl-C leaves'])
    // The table fits exactly, and then lacks one row.
    await screen.resize(200, 14)
    await shows(screen, [...changed, 'Ctrl-C leaves'])
    await screen.resize(200, 13)
    await shows(screen, [...changed.slice(0, 11), '… and 2 more: iapeer list prints all', 'Ctrl-C leaves'])
    await screen.resize(30, 24)
    const narrow = changed.map((line) => (line.length <= 30 ? line : `${line.slice(0, 29)}…`))
    await shows(screen, [...narrow.map((line) => line.trimEnd()), 'Ctrl-C leaves'])
    await screen.resize(200, 2)
    await shows(screen, ['… and 13 more: iapeer list prints all', 'Ctrl-C leaves'])
    await screen.resize(200, 24)
    await shows(screen, [...changed, 'Ctrl-C leaves'])
  }, 60_000)

  it('Ctrl-C gives the terminal back with the last rows on it', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home)
    await shows(screen, [...(await listed(home)), 'Ctrl-C leaves'])
    // No shell could continue it here, so it goes on.
    await screen.keys('C-z')
    await home.iapeer('start', 'bob')
    const rows = [...(await listed(home)), 'Ctrl-C leaves']
    await shows(screen, rows)
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    await screen.keys('C-c')
    await until('its end', async () => (await screen.lines()).at(-1) === 'left 130')
    expect(await screen.lines()).toEqual([...rows, 'left 130'])
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })

  it('Ctrl-\\ gives the terminal back', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home)
    await shows(screen, [...(await listed(home)), 'Ctrl-C leaves'])
    await screen.keys('C-\\')
    await until('its end', async () => (await screen.lines()).some((line) => line.endsWith('left 131')))
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })

  it('a registry that can no longer be read ends it, with the error', async () => {
    const home = newHome()
    await makePeers(home, ['ann'])
    const screen = await watching(home)
    await shows(screen, [...(await listed(home)), 'Ctrl-C leaves'])
    writeFileSync(rootLayout(home.root).registry, 'not JSON')
    await until('its end', async () => (await screen.lines()).at(-1) === 'left 1')
    expect((await screen.lines()).join('\n')).toMatch(/Ctrl-C leaves\niapeer: .*registry/)
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })

  it('Ctrl-Z gives the terminal back until fg', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const screen = await watching(home, { command: 'exec bash --norc -i' })
    const prompt = async () => /[#$]$/.test((await screen.lines()).at(-1) ?? '')
    await until('the shell', prompt)
    await screen.keys(`${process.execPath} ${MAIN} list --watch`, 'Enter')
    const rows = [...(await listed(home)), 'Ctrl-C leaves']
    await shows(screen, rows)
    await screen.keys('C-z')
    await until('the shell', async () => /Stopped/.test((await screen.lines()).join()))
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1')
    await home.iapeer('start', 'bob')
    await screen.keys('fg', 'Enter')
    await shows(screen, [...(await listed(home)), 'Ctrl-C leaves'])
    expect(await screen.ask('#{alternate_on} #{cursor_flag}')).toBe('1 0')
    await screen.keys('C-c')
    await until('the shell', prompt)
  })

  it('colours are there unless NO_COLOR is set, and the rows are the same', async () => {
    const home = newHome()
    await makePeers(home, ['ann', 'bob'])
    const rows = [...(await listed(home)), 'Ctrl-C leaves']
    const coloured = await watching(home)
    await shows(coloured, rows)
    expect(await coloured.escapes()).toContain('\u001b[1mann')
    const plain = await watching(home, { env: { NO_COLOR: '1' } })
    await shows(plain, rows)
    expect(await plain.escapes()).not.toContain('\u001b')
  })

  it('without a terminal it says what to use instead', async () => {
    expect(await newHome().iapeer('list', '--watch')).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/--watch needs a terminal\n {2}iapeer events -f --json/),
    })
  })
})
