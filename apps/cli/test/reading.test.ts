import { appendFileSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { createEventLog } from '@iapeer/lifecycle/eventlog'
import { describe, expect, it } from 'vitest'
import { type Home, homes, jsonLines } from './support.ts'

const newHome = homes()
const MINUTE_MS = 60_000

const ago = (minutes: number): string => new Date(Date.now() - minutes * MINUTE_MS).toISOString()
const mark = (ts: string): string => `\u001b]8973;iapeer-run;${ts}\u0007\n`

/** Makes a peer bob with a pane log. @returns the path of the log */
async function withLog(home: Home, text: string, rotated?: string): Promise<string> {
  await home.iapeer('create', 'bob', '--', 'sleep', '1000')
  const path = join(home.root, 'logs', 'lifecycle', 'command-bob.log')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  if (rotated !== undefined) writeFileSync(`${path}.1`, rotated)
  return path
}

describe('iapeer logs', () => {
  const THREE_RUNS = `of an earlier version\r\n${mark(ago(180))}one\r\n${mark(ago(100))}${mark(ago(90))}two\r\ntwo more\r\n${mark(ago(2))}three\r\n$ `

  it('marks where each run began, and not the launches that printed nothing', async () => {
    const home = newHome()
    await withLog(home, THREE_RUNS)
    expect((await home.iapeer('logs', 'bob')).stdout).toBe(
      'of an earlier version\n── started 3 h ago ──\none\n── started 1 h ago ──\ntwo\ntwo more\n── started 2 min ago ──\nthree\n$ \n',
    )
    expect((await home.iapeer('logs', 'bob', '--utc', '-n', '1')).stdout).toMatch(
      /^── started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC ──\n\$ \n$/,
    )
  })

  it.runIf(isFullCampaign())(
    '--last-run prints the last run, -n the last lines, and both together the last lines of it',
    async () => {
      const home = newHome()
      await withLog(home, THREE_RUNS)
      const logs = async (...args: string[]) => (await home.iapeer('logs', 'bob', ...args)).stdout
      expect(await logs('--last-run')).toBe('── started 2 min ago ──\nthree\n$ \n')
      expect(await logs('-n', '3')).toBe(
        '── started 1 h ago ──\ntwo more\n── started 2 min ago ──\nthree\n$ \n',
      )
      expect(await logs('--tail', '1', '--last-run')).toBe('── started 2 min ago ──\n$ \n')
      expect(await logs('-n', '0')).toBe('')
    },
  )

  it('--since leaves out the runs that were over', async () => {
    const home = newHome()
    const path = await withLog(home, THREE_RUNS)
    const logs = async (since: string) => (await home.iapeer('logs', 'bob', '--since', since)).stdout
    expect(await logs('10m')).toBe(
      '── started 1 h ago ──\ntwo\ntwo more\n── started 2 min ago ──\nthree\n$ \n',
    )
    expect(await logs('1m')).toBe('── started 2 min ago ──\nthree\n$ \n')
    const hourAgo = Date.now() / 1_000 - 3_600
    utimesSync(path, hourAgo, hourAgo)
    expect(await logs('30m')).toBe('')
  })

  it.runIf(isFullCampaign())(
    '--since cuts a run where the daemon has noted how long the log was',
    async () => {
      const home = newHome()
      const begin = `${mark(ago(180))}one\ntwo\nthr`
      const path = await withLog(home, `${begin}ee\nfour\n`)
      const bytes = Buffer.byteLength(begin)
      const note = (text: string) => writeFileSync(`${path}.times`, text)
      const logs = async (since: string) => (await home.iapeer('logs', 'bob', '--since', since)).stdout
      note(`${ago(70)} 999999\n${ago(60)} 3\ntorn\n${ago(20)} ${bytes}\n${ago(10)} ${bytes}`)
      // The line that was incomplete then is printed whole.
      expect(await logs('15m')).toBe('three\nfour\n')
      expect(await logs('30m')).toBe('one\ntwo\nthree\nfour\n')
      expect(await logs('2h')).toBe('one\ntwo\nthree\nfour\n')
      // The log was truncated since: nothing is known about it.
      note(`${ago(20)} 999999\n`)
      expect(await logs('15m')).toBe('one\ntwo\nthree\nfour\n')
    },
  )

  it('--grep prints the lines that match, without the colours, under the headings of their runs', async () => {
    const home = newHome()
    await withLog(
      home,
      `${mark(ago(180))}ok\nan \u001b[31mERR\u001b[0mOR\n${mark(ago(2))}no error here\nok\n`,
    )
    expect((await home.iapeer('logs', 'bob', '--grep', 'error')).stdout).toBe(
      '── started 3 h ago ──\nan ERROR\n── started 2 min ago ──\nno error here\n',
    )
    expect((await home.iapeer('logs', 'bob', '--grep', 'ERROR$', '-n', '5')).stdout).toBe(
      '── started 3 h ago ──\nan ERROR\n',
    )
    const none = await home.iapeer('logs', 'bob', '--grep', 'nothing')
    expect(none).toMatchObject({ exitCode: 0, stdout: '' })
  })

  it('reads a log of an earlier version, which has no marks, unchanged', async () => {
    const home = newHome()
    await withLog(home, 'one\r\ntwo\r\n')
    expect(await home.iapeer('logs', 'bob')).toMatchObject({ exitCode: 0, stdout: 'one\ntwo\n', stderr: '' })
    const last = await home.iapeer('logs', 'bob', '--last-run')
    expect(last).toMatchObject({ exitCode: 0, stdout: 'one\ntwo\n' })
    expect(last.stderr).toMatch(/^iapeer: this log has no mark where a run began/)
  })

  it('goes on across the rotated file, also in the middle of a line or of a character', async () => {
    const home = newHome()
    const text = Buffer.from('é two\nthree\n')
    const path = await withLog(home, '', `${mark(ago(5))}one `)
    appendFileSync(`${path}.1`, text.subarray(0, 1))
    writeFileSync(path, text.subarray(1))
    expect((await home.iapeer('logs', 'bob', '-n', '2')).stdout).toBe('one é two\nthree\n')
  })

  it('ignores a mark that is cut off or has no time', async () => {
    const home = newHome()
    await withLog(home, `one\n\u001b]8973;iapeer-run;soon\u0007\ntwo\n\u001b]8973;iapeer-run;2026`)
    expect((await home.iapeer('logs', 'bob')).stdout).toMatch(/^one\n\n?two\n/)
  })

  it('-f prints what is appended: the lines that match, and a heading for a new run', async () => {
    const home = newHome()
    const path = await withLog(home, 'one\ntwo\nthr')
    const following = home.start('logs', 'bob', '-f', '-n', '2')
    const matching = home.start('logs', 'bob', '-f', '--grep', 'ee|four')
    await until('the past', () => following.text() === 'two\nthr')
    appendFileSync(path, 'ee\n')
    await until('the line', () => matching.text() === 'three\n')
    const [first, second] = [mark(ago(0)).slice(0, 9), mark(ago(0)).slice(9)]
    appendFileSync(path, first)
    appendFileSync(path, `${second}four\nfive\n`)
    await until('the new run', () => following.text().endsWith('four\nfive\n'))
    expect(following.text()).toMatch(
      /^two\nthree\n\n── started (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d ──\nfour\nfive\n$/,
    )
    await until('the match', () => matching.text().includes('four\n'))
    expect(matching.text()).not.toContain('five')
    truncateSync(path)
    appendFileSync(path, 'emptied four\n')
    await until('the text after truncation', () => following.text().endsWith('emptied four\n'))
    expect(await following.end('SIGINT')).toBe(130)
    expect(await matching.end('SIGINT')).toBe(130)
  })

  it.runIf(isFullCampaign())('marks the runs of a real peer, also after a rename', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'echo run of $$; exec sleep 1000')
    for (let run = 0; run < 2; run++) {
      expect((await home.iapeer('start', 'bob', '--no-daemon')).exitCode).toBe(0)
      await until(
        'its output',
        async () => ((await home.iapeer('logs', 'bob')).stdout.match(/^run of /gm) ?? []).length > run,
      )
      await home.iapeer('stop', 'bob')
    }
    await home.iapeer('rename', 'bob', 'rob')
    expect((await home.iapeer('logs', 'rob')).stdout).toMatch(
      /^── started \d+ (?:s|min) ago ──\nrun of \d+\n── started \d+ (?:s|min) ago ──\nrun of \d+\n$/,
    )
    expect((await home.iapeer('logs', 'rob', '--last-run')).stdout).toMatch(/^── started .*\nrun of \d+\n$/)
  })

  it.each([
    [['-n', 'few'], /invalid --tail "few": expected a number of lines/],
    [['--since', 'noon'], /invalid --since "noon"/],
    [['--grep', '('], /invalid --grep "\("/],
  ])('%j exits with 2', async (args, message) => {
    const done = await newHome().iapeer('logs', 'bob', ...args)
    expect([done.exitCode, done.stdout, done.stderr]).toEqual([2, '', expect.stringMatching(message)])
  })

  it('gives up on a pattern that takes too long', async () => {
    const home = newHome()
    await withLog(home, `${'a'.repeat(60)}!\n`)
    const done = await home.iapeer('logs', 'bob', '--grep', '^(a+)+$')
    expect([done.exitCode, done.stderr]).toEqual([2, expect.stringMatching(/takes too long/)])
  })
})

const session = (gen: string, identity: string, minutes: number, status: string): string =>
  `ts=${ago(minutes)} ev=session-exit identity=${identity} gen=${gen} ${status} leader_pid=8 forensics=\n`

/** Writes deaths of ann and bob, the newest of bob. */
function withDeaths(home: Home): void {
  const directory = join(home.root, 'logs', 'iapeer')
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    join(directory, 'exits.log'),
    session('0123456789abcdef', 'claude-ann', 30, 'dead_status=3 dead_signal=') +
      session('123456789abcdef0', 'claude-bob', 20, 'dead_status= dead_signal=SIGSEGV') +
      session('23456789abcdef01', 'claude-bob', 1, 'dead_status=0 dead_signal='),
  )
}

describe('iapeer deaths', () => {
  it.runIf(isFullCampaign())(
    '-n selects the newest, --grep by identity, verdict, id and reason',
    async () => {
      const home = newHome()
      withDeaths(home)
      const gens = async (...args: string[]) =>
        jsonLines((await home.iapeer('deaths', '--json', ...args)).stdout).map(({ gen }) =>
          String(gen).slice(0, 1),
        )
      expect(await gens('-n', '2')).toEqual(['1', '2'])
      expect(await gens('--tail', '0')).toEqual([])
      expect(await gens('--grep', 'crashed')).toEqual(['1'])
      expect(await gens('--grep', 'exit code 3')).toEqual(['0'])
      expect(await gens('--grep', '^claude-bob', '-n', '1')).toEqual(['2'])
      expect((await home.iapeer('deaths', '--grep', 'nothing')).stdout).toBe('no deaths match\n')
    },
  )

  it.runIf(isFullCampaign())(
    'exits with 4 for a peer that never existed, and with 0 for one that was removed',
    async () => {
      const home = newHome()
      withDeaths(home)
      await home.iapeer('create', 'eve', '--', 'sleep', '1000')
      const of = async (...args: string[]) => (await home.iapeer('deaths', ...args)).exitCode
      expect(await of('--peer', 'bob')).toBe(0)
      expect(await of('--peer', 'bob', '--verdict', 'cgroup-oom')).toBe(0)
      expect(await of('--identity', 'claude-ann')).toBe(0)
      expect(await of('--peer', 'eve')).toBe(0)
      expect(await of('--identity', 'claude-zoe')).toBe(4)
      const done = await home.iapeer('deaths', '--peer', 'zoe')
      expect(done).toMatchObject({ exitCode: 4, stdout: '' })
      expect(done.stderr).toMatch(/no such peer: zoe/)
      expect((await home.iapeer('deaths', '--peer', 'ev')).stderr).toMatch(/Did you mean eve\?/)
      // Only an event is left of this peer.
      await home.iapeer('remove', 'eve')
      await createEventLog(home.root).append({ ev: 'rename', identity: 'claude-old', from: 'a', to: 'b' })
      expect(await of('--peer', 'old')).toBe(0)
    },
  )
})

describe('iapeer events', () => {
  it('--grep selects by what is printed, and --tail is the same as --number', async () => {
    const home = newHome()
    const log = createEventLog(home.root)
    for (let at = 0; at < 60; at++)
      await log.append({ ev: 'daemon', state: at % 30 === 0 ? 'stopped' : 'started', pid: at })
    const pids = async (...args: string[]) =>
      jsonLines((await home.iapeer('events', '--json', ...args)).stdout).map(({ pid }) => pid)
    // The newest 50 are chosen among those that match.
    expect(await pids('--grep', 'daemon stopped')).toEqual([0, 30])
    expect(await pids('--tail', '2')).toEqual([58, 59])
    expect(await pids('--number', '1')).toEqual([59])
    expect(await pids('--grep', 'pid 5\\d$', '-n', '1')).toEqual([59])
  })

  it('names the kinds that exist for one that does not, and finds those of other versions', async () => {
    const home = newHome()
    const directory = join(home.root, 'logs', 'iapeer')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'lifecycle.log'), `ts=${ago(9)} ev=of-tomorrow a=b\n`)
    const done = await home.iapeer('events', '--ev', 'launch,foo')
    expect(done).toMatchObject({ exitCode: 2, stdout: '' })
    expect(done.stderr).toMatch(/unknown kind of event "foo"\n {2}Use one of blocked, canary, .*launch.*stop/)
    expect((await home.iapeer('events', '--ev', 'of-tomorrow')).stdout).toMatch(/ of-tomorrow a=b\n$/)
    expect(await home.iapeer('events', '--ev', 'of-tomorrow', '--since', '1m')).toMatchObject({ exitCode: 0 })
    expect(await home.iapeer('events', '--ev', 'stop')).toMatchObject({
      exitCode: 0,
      stdout: 'no events recorded\n',
    })
  })

  it('exits with 4 for a peer that never existed', async () => {
    const home = newHome()
    withDeaths(home)
    expect((await home.iapeer('events', '--peer', 'zoe')).exitCode).toBe(4)
    expect((await home.iapeer('events', '--peer', 'ann')).exitCode).toBe(0)
  })

  it('names a death with the verdict that deaths prints', async () => {
    const home = newHome()
    withDeaths(home)
    const id = 'claude-bob-123456789abcdef0'
    const death = { ev: 'death', identity: 'claude-bob', event: 'session-exit', cause: 'crash' } as const
    const log = createEventLog(home.root)
    await log.append({ ...death, gen: '123456789abcdef0', id })
    await log.append({ ...death, gen: 'ffffffffffffffff', id: 'claude-bob-ffffffffffffffff' })
    const [{ verdict } = {}] = jsonLines((await home.iapeer('deaths', '--json', '--grep', id)).stdout)
    const lines = (await home.iapeer('events', '--ev', 'death')).stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(new RegExp(` died: ${verdict}, ${id}$`))
    expect(lines[1]).toMatch(/ died: verdict unknown, claude-bob-ffffffffffffffff$/)
    expect(jsonLines((await home.iapeer('events', '--json')).stdout)).toMatchObject([
      { verdict, cause: 'crash' },
      {},
    ])
  })
})

it.runIf(isFullCampaign())('status --json prints the daemon, the watches and the last death', async () => {
  const home = newHome()
  expect(jsonLines((await home.iapeer('status', '--json')).stdout)).toEqual([
    { schemaVersion: 2, daemon: { state: 'stopped' }, peers: 0, watches: [], deaths: 0 },
  ])
  withDeaths(home)
  const server = await home.server()
  await home.iapeer('watch', server.socketPath)
  expect(jsonLines((await home.iapeer('status', '--json')).stdout)).toMatchObject([
    {
      watches: [{ identity: 'tmux-s', state: 'armed', serverPid: server.pid, kept: false }],
      deaths: 3,
      lastDeath: { id: 'claude-bob-23456789abcdef01' },
    },
  ])
  const text = (await home.iapeer('status')).stdout
  expect(text).toMatch(/\n3 deaths recorded; the last: claude-bob, 1 min ago\n/)
  expect((await home.iapeer('status', '--utc')).stdout).toMatch(
    /claude-bob, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/,
  )
})

it.each([
  ['deaths', /4 no such peer/, /NDJSON/],
  ['events', /4 no such peer/, /NDJSON/],
  ['list', /list peers/, /NDJSON/],
  ['show', /4 no such peer/, /--json/],
  ['doctor', /1 a warning or an error remains/, /NDJSON/],
  ['stop', /4 no such peer/, /NDJSON/],
  ['daemon status', /3 not running, 5 unresponsive or/, /--utc/],
  ['logs', /3 no output yet, 4 no such peer/, /--no-pager/],
])('the help of %s says its exit codes and what its options print', async (command, codes, option) => {
  const { stdout } = await newHome().iapeer(...command.split(' '), '--help')
  expect(stdout).toMatch(codes)
  expect(stdout).toMatch(option)
})
