import { spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { judge, parseExitsLog, parseSnapshot } from '@iapeer/forensics'
import { describe, expect, it } from 'vitest'
import { autopsyMarkdown, autopsyScreen } from '../src/commands/deaths/autopsy-screen.ts'
import { type Home, homes, MAIN } from './support.ts'

const newHome = homes()
const CASES = fileURLToPath(new URL('../../../packages/forensics/test/cases', import.meta.url))
const DEATH = '2026-06-10T15:42:07.113Z'

interface Put {
  /** @default claude-bob */
  readonly identity?: string
  /** @default the time of the case */
  readonly ts?: string
  readonly pid?: number
}

/** Writes a death of the test cases of forensics to a home, as a recorder does. @returns the path of its snapshot */
function put(home: Home, name: string, { identity = 'claude-bob', ts = DEATH, pid }: Put = {}): string {
  const deaths = join(home.root, 'logs', 'iapeer', 'server-deaths')
  mkdirSync(deaths, { recursive: true })
  const moved = (text: string): string =>
    text
      .replaceAll('/r/logs/iapeer/server-deaths', deaths)
      .replaceAll('claude-bob', identity)
      .replaceAll(DEATH, ts)
      .replaceAll(/(server_pid=|process |\bpid=)801\b/g, (all, before) => (pid ? `${before}${pid}` : all))
  const read = (file: string): string => moved(readFileSync(join(CASES, name, file), 'utf8'))
  appendFileSync(join(home.root, 'logs', 'iapeer', 'exits.log'), read('exit.txt'))
  const base = join(deaths, `${identity}-9f2c41d0aa37be10`)
  for (const [file, end] of [
    ['snapshot.txt', '.txt'],
    ['witness.txt', '.witness'],
  ] as const)
    if (existsSync(join(CASES, name, file))) writeFileSync(base + end, read(file))
  return `${base}.txt`
}

const objects = (text: string): unknown[] =>
  text.split('\n').flatMap((line): unknown[] => (line === '' ? [] : [JSON.parse(line)]))

function expectToFit(text: string): void {
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
}

it('deaths -f exits with 0 when the reader of its output has exited', async () => {
  const home = newHome()
  const code = join(home.path, 'code')
  put(home, 'sigkill-nothing-else')
  const script = '{ "$0" "$1" deaths -f --json; echo "$?" >"$2"; } | head -n 1'
  const child = spawn('sh', ['-c', script, process.execPath, MAIN, code], {
    env: home.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  try {
    await until('the first line', () => child.stdout.read() !== null)
    put(home, 'sigkill-nothing-else', { identity: 'claude-ann', ts: '2026-06-10T15:43:07.113Z' })
    await until('its exit code', () => existsSync(code) && readFileSync(code, 'utf8') === '0\n')
    await ended
  } finally {
    child.kill()
  }
})

describe('a file of a death that is not a regular file', () => {
  it.each(['a pipe', 'a link to itself', 'a directory'])(
    'but %s hides no death and does not block the command',
    async (what) => {
      const home = newHome()
      const snapshot = put(home, 'sigkill-nothing-else')
      const other = put(home, 'tmux-failed', { identity: 'claude-ada' })
      expect(existsSync(other)).toBe(true)
      for (const path of [snapshot, snapshot.replace(/txt$/, 'addendum')]) {
        rmSync(path, { force: true })
        if (what === 'a pipe') await run('mkfifo', [path])
        else if (what === 'a directory') mkdirSync(path)
        else symlinkSync(path, path)
      }
      const deaths = objects((await home.iapeer('deaths', '--json')).stdout)
      expect(deaths).toMatchObject([
        { identity: 'claude-bob', verdict: 'killed-by-signal' },
        { identity: 'claude-ada', verdict: 'tmux-failed' },
      ])
      const { stdout } = await home.iapeer('autopsy', 'claude-bob')
      expect(stdout).toMatch(/^snapshot +cannot be read$/m)
    },
  )
})

describe('a death whose killer had control characters and Markdown in its command', () => {
  const [record] = parseExitsLog(
    readFileSync(join(CASES, 'signal-seen-sigkill-agent', 'exit.txt'), 'utf8'),
  ).records
  const text = readFileSync(join(CASES, 'signal-seen-sigkill-agent', 'snapshot.txt'), 'utf8')
  const evil = 'x` | [a](http://e) \u202eflipped @team \\033[2J\\n## H'
  const snapshot = parseSnapshot(
    text.replaceAll(/(sender_)?command="[^"]*"/g, (_all, of = '') => `${of}command="${evil}"`),
  )
  if (record === undefined) throw new Error('no such case')
  const findings = { snapshot }
  const death = { record, findings, judged: judge(record, findings) }

  it('is shown within 40 columns, without control characters', () => {
    const { columns } = process.stdout
    process.stdout.columns = 40
    const screen = autopsyScreen({ death, moments: [] })
    process.stdout.columns = columns
    for (const line of screen.split('\n')) expect(line.length, line).toBeLessThanOrEqual(40)
    expect(screen).toContain('flipped')
    for (const character of ['\u202e', '\u001b']) expect(screen).not.toContain(character)
  })

  it('stays one paragraph, table and list in Markdown, and mentions no user', () => {
    const markdown = autopsyMarkdown({ death, moments: [] }, true)
    expect(markdown).not.toMatch(/^## H/m)
    expect(markdown.replaceAll(/`+ .* `+$/gm, '')).not.toMatch(/@team|[^\\]\[a|\u202e/)
  })
})

describe('iapeer autopsy', () => {
  it('prints on one screen what happened, the evidence, and what to do', async () => {
    const home = newHome()
    put(home, 'oom-cgroup-5.15-dmesg')
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toMatch(
      /^claude-bob: the kernel OOM killer killed the agent: cgroup\n {2}iapeer-claude-bob.scope was at its memory limit\n/,
    )
    expect(stdout).toMatch(/^verdict +cgroup-oom \(confidence high\)$/m)
    expect(stdout).toMatch(/^evidence\n {2}kernel-log +Memory cgroup out of memory: Killed process 812/m)
    expect(stdout).toMatch(/^what to do\n {2}Raise the memory limit of the cgroup/m)
    expect(stdout.split('\n').length).toBeLessThan(45)
    expectToFit(stdout)
  })

  it('prints the killer with its ancestors, and the last screen without control characters', async () => {
    const home = newHome()
    const path = put(home, 'signal-seen-sigkill-agent')
    const screen = '--- pane-tail\nthinking\n\u001b]0;owned\u0007red\u001b[31m\n'
    writeFileSync(path, readFileSync(path, 'utf8').replace('--- meminfo\n', `${screen}--- meminfo\n`))
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toMatch(
      /^killer\n {2}pid 4242 {2}pkill -9 -f claude\n {2}└ pid 4240 {2}bash cleanup.sh\n {4}└ pid 4100 /m,
    )
    expect(stdout).toMatch(/^last screen\n {2}│ thinking\n {2}│ .*red/m)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is about their absence
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
    expectToFit(stdout)
  })

  it('masks bearers in the text, in JSON, in Markdown and in the raw files', async () => {
    const home = newHome()
    const path = put(home, 'signal-seen-sigkill-agent')
    const text = readFileSync(path, 'utf8')
    const screen = '--- pane-tail\nFATAL: refused IAPEER_BEARER=iapb_x7Y-z_9\n'
    writeFileSync(path, text.replace('--- meminfo\n', `${screen}--- meminfo\n`))
    for (const options of [[], ['--json'], ['--markdown', '--with-screen'], ['--raw']]) {
      const { stdout } = await home.iapeer('autopsy', 'bob', ...options)
      expect(stdout).toContain('IAPEER_BEARER=iapb_***')
      expect(stdout).not.toContain('x7Y')
    }
  })

  it('prints the evidence against its verdict', async () => {
    const home = newHome()
    put(home, 'oom-line-contradicted-by-counters')
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toMatch(/confidence medium/)
    expect(stdout).toMatch(/^! baseline +against this verdict: the kernel OOM killer killed no process/m)
    const json = objects((await home.iapeer('autopsy', 'bob', '--json')).stdout)
    expect(json).toMatchObject([
      { evidence: expect.arrayContaining([expect.objectContaining({ contradicts: true })]) },
    ])
  })

  it.runIf(isFullCampaign())(
    'keeps a verdict that was high when the files have changed, and judges again with --rejudge',
    async () => {
      const home = newHome()
      put(home, 'oom-global-5.4-dmesg')
      const verdict = async (...options: string[]) =>
        objects((await home.iapeer('autopsy', 'bob', '--json', ...options)).stdout)
      expect(await verdict()).toMatchObject([{ verdict: 'kernel-oom', confidence: 'high' }])
      put(home, 'sigkill-nothing-else')
      expect(await verdict()).toMatchObject([{ verdict: 'kernel-oom', confidence: 'high' }])
      expect((await home.iapeer('autopsy', 'bob', '--rejudge')).stdout).toMatch(
        /^verdict +killed-by-signal .*\nbefore +kernel-oom \(confidence high, rules \d+\): the kernel OOM killer/m,
      )
      expect(await verdict()).toMatchObject([{ verdict: 'killed-by-signal' }])
      expect(await verdict('--rejudge')).toMatchObject([
        { verdict: 'killed-by-signal', kept: { verdict: 'killed-by-signal', rules: expect.any(Number) } },
      ])
    },
  )

  it('judges again without --rejudge when the files of a less certain verdict have changed', async () => {
    const home = newHome()
    put(home, 'recorded-agent-exit-143')
    const verdict = async () => objects((await home.iapeer('autopsy', 'bob', '--json')).stdout)
    expect(await verdict()).toMatchObject([{ confidence: 'medium' }])
    put(home, 'oom-global-5.4-dmesg')
    expect(await verdict()).toMatchObject([{ verdict: 'kernel-oom', confidence: 'high' }])
  })

  it('shows the line of the last screen that explains most, also above the last lines', async () => {
    const home = newHome()
    const path = put(home, 'starved-machine-agent-failed')
    const frames = Array.from({ length: 20 }, (_none, at) => `    at frame${at} (file:${at})`)
    const screen = ['Error: ENOSPC: no space left on device', ...frames, 'Node.js v24.7.0'].join('\n')
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/\n--- pane-tail\n[\s\S]*?\n---/, `\n--- pane-tail\n${screen}\n---`),
    )
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toMatch(
      /^last screen\n {2}│ Error: ENOSPC: no space left on device\n {2}│ …\n {2}│ +at frame15/m,
    )
    expect(stdout).toMatch(/│ Node\.js v24\.7\.0\n/)
  })

  it('refuses --rejudge with --raw', async () => {
    const home = newHome()
    put(home, 'oom-global-5.4-dmesg')
    expect(await home.iapeer('autopsy', 'bob', '--raw', '--rejudge')).toMatchObject({ exitCode: 2 })
  })

  it('prints the other deaths and the events of the same minute', async () => {
    const home = newHome()
    put(home, 'sigkill-nothing-else')
    put(home, 'starved-machine-agent-failed', { identity: 'claude-eve', ts: '2026-06-10T15:41:50.000Z' })
    put(home, 'tmux-failed', { identity: 'claude-old', ts: '2026-06-10T15:00:00.000Z' })
    writeFileSync(
      join(home.root, 'logs', 'iapeer', 'lifecycle.log'),
      'ts=2026-06-10T15:42:01.000Z ev=wake identity=claude-bob mode=fresh cause=message\n',
    )
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toMatch(
      /^in the same minute\n {2}17 s before {2}claude-eve {2}agent: exit code 1\n {2}6 s before {3}claude-bob {2}started on demand: message\n✕ this death {3}claude-bob {2}tmux server: killed \(SIGKILL\)\n\n/m,
    )
    expect(stdout).not.toContain('claude-old')
    expect((await home.iapeer('autopsy', 'bob', '--utc')).stdout).toMatch(
      /^in the same minute\n {2}2026-06-10 15:41:50 UTC {2}claude-eve /m,
    )
  })

  it('--markdown prints Markdown for an issue, with the screen only on request', async () => {
    const home = newHome()
    put(home, 'starved-machine-agent-failed')
    const plain = (await home.iapeer('autopsy', 'bob', '--markdown')).stdout
    expect(plain).toMatch(
      /^### claude-bob: the agent failed with exit code 1\n\n- verdict: \*\*agent-failed\*\*/,
    )
    expect(plain).toMatch(/^\| exits.log \| exit code 1 of its process \|$/m)
    expect(plain).not.toMatch(/heap out of memory/)
    const withScreen = (await home.iapeer('autopsy', 'bob', '--markdown', '--with-screen')).stdout
    expect(withScreen).toMatch(/^ {4}FATAL ERROR: JavaScript heap out of memory$/m)
  })

  it('--markdown prints arguments of the killer and its parent only, and the autopsy those of all', async () => {
    const home = newHome()
    const path = put(home, 'signal-seen-sigkill-agent')
    const secret = 'ancestor pid=4100 comm=make command="make secret-target"'
    const text = readFileSync(path, 'utf8').replace(/^ancestor pid=4100 .*$/m, secret)
    expect(text).toContain(secret)
    writeFileSync(path, text)
    expect((await home.iapeer('autopsy', 'bob')).stdout).toContain('secret-target')
    const { stdout } = await home.iapeer('autopsy', 'bob', '--markdown')
    expect(stdout).toMatch(
      /^- pid 4242: `pkill -9 -f claude`\n- pid 4240: `bash cleanup.sh`\n- pid 4100: `make`$/m,
    )
    expect(stdout).not.toContain('secret-target')
  })

  it('--raw prints the files unchanged', async () => {
    const home = newHome()
    const path = put(home, 'starved-machine-kill-server')
    const { stdout } = await home.iapeer('autopsy', 'bob', '--raw')
    expect(stdout).toContain(`==> ${path} <==\n${readFileSync(path, 'utf8')}==> `)
    expect(stdout).toMatch(/<==\nwitness ts_ms=/)
    put(home, 'snapshot-missing-sigkill', { identity: 'claude-eve' })
    expect(await home.iapeer('autopsy', 'eve', '--raw')).toMatchObject({ exitCode: 1, stdout: '' })
  })

  it.each([
    [['bob', '--json', '--raw'], /--json, --markdown and --raw cannot be combined/],
    [['bob', '--with-screen'], /--with-screen needs --markdown/],
  ])('%j exits with 2', async (args, message) => {
    const done = await newHome().iapeer('autopsy', ...args)
    expect(done).toMatchObject({ exitCode: 2, stdout: '' })
    expect(done.stderr).toMatch(message)
  })
})

describe('iapeer deaths', () => {
  function threeDeaths(): Home {
    const home = newHome()
    put(home, 'agent-status-unknown', { identity: 'claude-ada', ts: '2026-06-08T10:00:00.000Z' })
    put(home, 'counters-v2-watch-vanished', { identity: 'claude-eve', ts: '2026-06-09T15:42:07.113Z' })
    put(home, 'recorded-agent-exit-3', { identity: 'codex-bob' })
    put(home, 'sigkill-nothing-else')
    return home
  }

  it('prints verdict, confidence and an id for autopsy, in 80 columns', async () => {
    const home = threeDeaths()
    const { stdout } = await home.iapeer('deaths')
    expectToFit(stdout)
    expect(stdout).toMatch(/^WHEN +IDENTITY +VERDICT +CONFIDENCE +ID\n/)
    expect(stdout).toMatch(/ claude-bob +killed-by-signal +high +9f2c41d0$/m)
    const id = / agent-failed +high +([0-9a-f]{8})$/m.exec(stdout)?.[1]
    expect((await home.iapeer('autopsy', id ?? '')).stdout).toMatch(/^command-bob: .*exit code 3/)
  })

  it('a death that no recorder saw has the two times between which it happened, and any other one has one', async () => {
    const home = newHome()
    const ago = (minutes: number) => new Date(Date.now() - minutes * 60_500).toISOString()
    const lost = (name: string, seenAlive: string, ts: string) =>
      `ts=${ts} ev=server-exit identity=claude-${name} gen=${'0'.repeat(15)}${name.length} server_pid=801 wait_rc=unknown cause=recorder-lost mode=none seen_alive=${seenAlive} recorder=none forensics=/r/x.txt\n`
    const lines = [lost('a', ago(300), ago(3)), lost('bb', ago(3), ago(3)), lost('ccc', ago(200), ago(190))]
    put(home, 'sigkill-nothing-else', { ts: ago(2) })
    appendFileSync(join(home.root, 'logs', 'iapeer', 'exits.log'), lines.join(''))
    const { stdout } = await home.iapeer('deaths')
    expect(stdout).toMatch(/^5 h to 3 min ago +claude-a +recorder-lost /m)
    expect(stdout).toMatch(/^3 min ago +claude-bb +recorder-lost /m)
    expect(stdout).toMatch(/^3 h ago +claude-ccc +recorder-lost /m)
    expect(stdout).toMatch(/^2 min ago +claude-bob +killed-by-signal /m)
    expectToFit(stdout)
    const utc = (await home.iapeer('deaths', '--utc')).stdout
    expect(utc).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d to (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC +claude-a /m,
    )
    const found = objects((await home.iapeer('deaths', '--json')).stdout)
    expect(found).toHaveLength(4)
    expect(found).toContainEqual(
      expect.objectContaining({ identity: 'claude-a', seenAlive: lines[0]?.match(/seen_alive=(\S+)/)?.[1] }),
    )
    expect(found).toContainEqual(expect.not.objectContaining({ seenAlive: expect.anything() }))
  })

  it.runIf(isFullCampaign())('selects by verdict, by peer and by time', async () => {
    const home = threeDeaths()
    const found = async (...args: string[]) =>
      objects((await home.iapeer('deaths', '--json', ...args)).stdout).map(
        (one) => ({ ...Object(one) }).identity,
      )
    expect(await found('--verdict', 'killed-by-signal')).toEqual(['claude-bob'])
    expect(await found('--peer', 'bob')).toEqual(['command-bob', 'claude-bob'])
    expect(await found('--peer', 'claude-bob', '--since', '2026-06-10')).toEqual(['claude-bob'])
    expect(await found('--verdict', 'crashed')).toEqual([])
  })

  it.runIf(isFullCampaign())(
    '--summary counts by verdict, peer and time, with bars and as JSON',
    async () => {
      const home = newHome()
      const ts = (day: number) => `2026-06-0${day}T12:00:00.000Z`
      put(home, 'sigkill-nothing-else', { ts: ts(1) })
      put(home, 'tmux-failed', { identity: 'claude-eve', ts: ts(3) })
      put(home, 'recorded-agent-exit-0')
      const { stdout } = await home.iapeer('deaths', '--summary')
      expectToFit(stdout)
      expect(stdout).toMatch(/^3 deaths, from /)
      expect(stdout).toMatch(/^3 deaths, from \d+ \w+ ago to \d+ \w+ ago\n/)
      expect(stdout).toMatch(/^by time, from\n {2}\d+ days ago +\d/m)
      expect((await home.iapeer('deaths', '--summary', '--utc')).stdout).toMatch(
        /^3 deaths, from 2026-06-01 12:00:00 UTC to 2026-\d\d-\d\d [\d:]+ UTC\n/,
      )
      expect(stdout).toMatch(/^by peer\n {2}bob {2}2 {2}█{40}\n {2}eve {2}1 {2}█{20}$/m)
      expect(objects((await home.iapeer('deaths', '--summary', '--json')).stdout)).toMatchObject([
        {
          schemaVersion: 2,
          deaths: 3,
          verdicts: { 'agent-exited': 1, 'killed-by-signal': 1, 'tmux-failed': 1 },
          peers: { bob: 2, eve: 1 },
          buckets: expect.arrayContaining([expect.objectContaining({ deaths: 1 })]),
        },
      ])
      expect((await newHome().iapeer('deaths', '--summary')).stdout).toBe('no deaths recorded\n')
    },
  )

  it('several deaths with one cause are one incident, and share the verdict of the highest confidence', async () => {
    const home = newHome()
    put(home, 'oom-cgroup-watch-vanished')
    put(home, 'counters-v2-watch-vanished', {
      identity: 'claude-eve',
      ts: '2026-06-10T15:42:08.000Z',
      pid: 900,
    })
    const text = readFileSync(
      join(home.root, 'logs', 'iapeer', 'server-deaths', 'claude-eve-9f2c41d0aa37be10.txt'),
      'utf8',
    )
    writeFileSync(
      join(home.root, 'logs', 'iapeer', 'server-deaths', 'claude-eve-9f2c41d0aa37be10.txt'),
      text.replaceAll('iapeer-claude-eve.scope', 'iapeer-claude-bob.scope'),
    )
    const incident = 'incident-claude-bob-9f2c41d0aa37be10'
    expect(objects((await home.iapeer('deaths', '--json')).stdout)).toMatchObject([
      { identity: 'claude-bob', verdict: 'cgroup-oom', confidence: 'high', incident },
      { identity: 'claude-eve', verdict: 'cgroup-oom', confidence: 'high', incident },
    ])
    expect(objects((await home.iapeer('autopsy', 'eve', '--json')).stdout)).toMatchObject([{ incident }])
    expect((await home.iapeer('autopsy', 'eve')).stdout).toMatch(
      /^incident +2 deaths with one cause \(limit of /m,
    )
  })

  it.each([
    [['--verdict', 'murdered'], /unknown verdict "murdered"\n {2}Use one of kernel-oom/],
    [['--peer', 'Bob!'], /invalid --peer "Bob!"/],
    [['--summary', '--follow'], /--summary cannot be combined with --follow/],
  ])('%j exits with 2', async (args, message) => {
    const done = await newHome().iapeer('deaths', ...args)
    expect(done).toMatchObject({ exitCode: 2, stdout: '' })
    expect(done.stderr).toMatch(message)
  })
})
