import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, mayMount, privateDirectory } from '@iapeer/dev/testing'
import { type ExitRecord, parseExitLine } from '@iapeer/forensics'
import { describe, expect, it } from 'vitest'
import { addendumPath, collectAddenda } from '../src/deaths/evidence/addendum.ts'
import { coreNames, coreSection } from '../src/deaths/evidence/cores.ts'
import { logArguments, reportSections } from '../src/deaths/evidence/darwin.ts'
import { journalArguments, journalLine, journalSection } from '../src/deaths/evidence/journal.ts'
import { formatSection } from '../src/deaths/evidence/section.ts'
import { signalLines } from '../src/deaths/signals/signal-lines.ts'
import type { SignalSource } from '../src/deaths/signals/signal-memory.ts'
import { judgeDeath } from '../src/index.ts'

const track = asyncCleanups()

const AT = new Date('2026-06-10T15:42:07.113Z')
const LATER = new Date(AT.getTime() + 10_000)

/** An entry of the journal at the time of the death, as journalctl prints it. */
const entry = (program: string, message: unknown, more: Record<string, unknown> = {}): string =>
  JSON.stringify({
    __REALTIME_TIMESTAMP: `${AT.getTime()}000`,
    _HOSTNAME: 'host',
    SYSLOG_IDENTIFIER: program,
    _PID: '412',
    MESSAGE: message,
    ...more,
  })

function newRoot(): { root: string; bin: string; env: NodeJS.ProcessEnv } {
  const directory = privateDirectory()
  track(directory.remove)
  const [root, bin] = [join(directory.path, 'root'), join(directory.path, 'bin')]
  mkdirSync(join(root, 'logs', 'iapeer', 'server-deaths'), { recursive: true })
  mkdirSync(bin)
  return { root, bin, env: { PATH: `${bin}:/usr/bin:/bin` } }
}

/** Writes a program with that name, which runs a shell script. */
function standIn(bin: string, name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

const claimPath = (root: string, gen = '9f2c41d0aa37be10'): string =>
  join(root, 'logs', 'iapeer', 'server-deaths', `claude-bob-${gen}.claim`)

/** Returns a recorded death, which has been claimed. */
function death(root: string, fields: string, gen = '9f2c41d0aa37be10'): ExitRecord {
  const snapshot = join(root, 'logs', 'iapeer', 'server-deaths', `claude-bob-${gen}.txt`)
  writeFileSync(claimPath(root, gen), '')
  const line = `ts=${AT.toISOString()} ev=server-exit identity=claude-bob gen=${gen} server_pid=801 ${fields} recorder=guard forensics=${snapshot}`
  const record = parseExitLine(line)
  if (record === undefined) throw new Error(`not a line: ${line}`)
  return record
}

const LOST = 'wait_rc=unknown cause=recorder-lost mode=none'
const KILLED = 'wait_rc=137 cause=killed signal=SIGKILL mode=guard'
const EXITED = 'wait_rc=0 cause=exited mode=guard'

/** Writes a snapshot with the baseline that a recorder notes when it is armed. */
function baseline(record: ExitRecord, cgroup: string): void {
  const armed = AT.getTime() - 600_000
  writeFileSync(
    record.forensics ?? '',
    `server-death identity=claude-bob gen=${record.gen} ts=${record.ts} server_pid=801 wait_rc=unknown cause=recorder-lost platform=linux format=1
--- baseline
ts_ms=${armed}
cgroup_v2=${cgroup}
cgroup_v1=
uptime: 100.00 200.00
--- end
`,
  )
}

describe('evidence that appears some time after a death', () => {
  it('is collected once, and gives the verdict that the snapshot alone does not', async () => {
    const { root, bin, env } = newRoot()
    standIn(
      bin,
      'journalctl',
      `echo "$@" >> '${bin}/asked'
echo '${entry('systemd-oomd', 'Killed /user.slice/u.scope due to memory pressure for /user.slice being 61.00% > 50.00% for > 20s with reclaim activity')}'
echo '${entry('kernel', 'usb 1-1: new device', { _TRANSPORT: 'kernel' })}'`,
    )
    const record = death(root, LOST)
    baseline(record, '/user.slice/u.scope')
    await collectAddenda(root, [record], { env, now: LATER })
    await collectAddenda(root, [record], { env, now: LATER })
    expect(readFileSync(join(bin, 'asked'), 'utf8').trim().split('\n')).toEqual([
      expect.stringMatching(/^--no-pager --output=json --output-fields=\S+ --since=@\d+ --until=@\d+ /),
    ])
    const path = addendumPath(root, record.id)
    const text = readFileSync(path, 'utf8')
    expect(text).toContain('\n--- journal\n')
    expect(text).not.toContain('usb 1-1')
    expect(text.endsWith('--- end\n')).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const { judged } = await judgeDeath(root, record, [record])
    expect(judged).toMatchObject({ verdict: 'oomd', confidence: 'high' })
  })

  it('is read from the log once for all deaths of one moment', async () => {
    const { root, bin, env } = newRoot()
    standIn(bin, 'journalctl', `echo x >> '${bin}/asked'`)
    const records = ['0', '1', '2', '3'].map((digit) => death(root, KILLED, digit.repeat(16)))
    await collectAddenda(root, records, { env, now: LATER })
    expect(readFileSync(join(bin, 'asked'), 'utf8')).toBe('x\n')
    for (const { id } of records) expect(existsSync(addendumPath(root, id))).toBe(true)
  })

  it('is read for the time between last seen running and found dead, at most an hour', async () => {
    const { root, bin, env } = newRoot()
    standIn(
      bin,
      'journalctl',
      `echo "$@" >> '${bin}/asked'
echo '${entry('systemd-oomd', 'Killed /user.slice/u.scope due to memory pressure for /user.slice being 61.00% > 50.00% for > 20s with reclaim activity', { __REALTIME_TIMESTAMP: `${AT.getTime() - 600_000}000` })}'`,
    )
    const found = (gen: string, minutes: number): ExitRecord => ({
      ...death(root, LOST, gen),
      seenAlive: new Date(AT.getTime() - minutes * 60_000).toISOString(),
    })
    const [near, far, later] = [
      found('a'.repeat(16), 20),
      found('b'.repeat(16), 600),
      found('c'.repeat(16), 5),
    ]
    for (const record of [near, far, later]) {
      baseline(record, '/user.slice/u.scope')
      await collectAddenda(root, [record], { env, now: LATER })
    }
    const asked = readFileSync(join(bin, 'asked'), 'utf8').trim().split('\n')
    const spans = asked.map((line) => {
      const [, from, to] = /--since=@(\d+) --until=@(\d+)/.exec(line) ?? []
      return Number(to) - Number(from)
    })
    for (const [at, minutes] of [20, 60, 5].entries())
      expect(Math.abs((spans[at] ?? 0) - minutes * 60 - 140)).toBeLessThan(15)
    // The line of ten minutes before the find explains a death that may have happened then, and no other one.
    expect((await judgeDeath(root, near, [near])).judged).toMatchObject({ verdict: 'oomd' })
    expect((await judgeDeath(root, later, [later])).judged).toMatchObject({ verdict: 'recorder-lost' })
  })

  it('that cannot be saved for one death is saved for the others, and no verdict fails', async () => {
    const { root, bin, env } = newRoot()
    standIn(bin, 'journalctl', ':')
    const [first, second] = ['0', '1'].map((digit) => death(root, KILLED, digit.repeat(16)))
    if (first === undefined || second === undefined) throw new Error('no deaths')
    mkdirSync(addendumPath(root, first.id))
    const failures = await collectAddenda(root, [first, second], { env, now: LATER })
    expect(failures).toMatchObject([{ record: first, error: { code: 'unusable-file' } }])
    expect(existsSync(addendumPath(root, second.id))).toBe(true)
    const { judged } = await judgeDeath(root, first, [first, second])
    expect(judged).toMatchObject({ verdict: 'killed-by-signal', confidence: 'high' })
  })

  it('is not collected for a death whose files were pruned, but for one with files under an earlier name', async () => {
    const { root, bin, env } = newRoot()
    standIn(bin, 'journalctl', `echo x >> '${bin}/asked'`)
    const [pruned, renamed] = ['0', '1'].map((digit) => death(root, KILLED, digit.repeat(16)))
    if (pruned === undefined || renamed === undefined) throw new Error('no deaths')
    rmSync(claimPath(root, pruned.gen))
    renameSync(
      claimPath(root, renamed.gen),
      join(root, 'logs', 'iapeer', 'server-deaths', `claude-al-${renamed.gen}.claim`),
    )
    expect(await collectAddenda(root, [pruned], { env, now: LATER })).toEqual([])
    expect(existsSync(join(bin, 'asked'))).toBe(false)
    expect(existsSync(addendumPath(root, pruned.id))).toBe(false)
    await collectAddenda(root, [pruned, renamed], { env, now: LATER })
    expect(existsSync(addendumPath(root, pruned.id))).toBe(false)
    expect(existsSync(addendumPath(root, renamed.id))).toBe(true)
  })

  it('is not collected while the system may still write it, nor days later', async () => {
    const { root, bin, env } = newRoot()
    standIn(bin, 'journalctl', `echo x >> '${bin}/asked'`)
    const record = death(root, KILLED)
    await collectAddenda(root, [record], { env, now: new Date(AT.getTime() + 1_000) })
    await collectAddenda(root, [record], { env, now: new Date(AT.getTime() + 2 * 86_400_000) })
    expect(existsSync(join(bin, 'asked'))).toBe(false)
    expect(existsSync(addendumPath(root, record.id))).toBe(false)
  })

  it('says why it is missing: no such program, a program that fails, one that hangs', async () => {
    const { bin, env } = newRoot()
    const span = { fromMs: AT.getTime(), toMs: LATER.getTime() }
    const without = { PATH: bin }
    expect((await journalSection(span, without)).found).toEqual({ unavailable: 'no journalctl' })
    standIn(bin, 'journalctl', 'echo "No journal files were opened" >&2; exit 1')
    expect((await journalSection(span, env)).found).toEqual({ unavailable: 'No journal files were opened' })
    standIn(bin, 'journalctl', 'exec sleep 100')
    expect((await journalSection(span, env)).found).toEqual({
      unavailable: 'journalctl gave nothing in time',
    })
  })

  it('names the unit of a line whose message has only its description, and joins a message of several lines', async () => {
    const { bin, env } = newRoot()
    const lines = [
      entry('systemd', 'Stopping The night shift...', { USER_UNIT: 'night.service', _PID: '900' }),
      entry('systemd', 'Stopping Mail...', { UNIT: 'mail.service', _PID: '1' }),
      entry('systemd', 'Stopping unit=a b', { _PID: '1', _UID: '0' }),
      entry('systemd', 'Stopping The night shift...', { USER_UNIT: 'night.service', _UID: '4242' }),
      entry('systemd-logind', 'Session 4 logged out.', { UNIT: 'x.service' }),
      entry('earlyoom', [...Buffer.from('sending SIGTERM to \xe9\n process 7', 'latin1')]),
      entry('audit', 'USER_LOGIN pid=1'),
      entry('audit', 'ANOM_ABEND auid=1 pid=801 comm="tmux" sig=6'),
      entry('kernel', 'node[801]: segfault at 0 ip 1', { _TRANSPORT: 'kernel', _PID: undefined }),
      '-- No entries --',
      '{"MESSAGE":"cut',
    ]
    writeFileSync(join(bin, 'lines'), lines.join('\n'))
    standIn(
      bin,
      'journalctl',
      `cat '${bin}/lines'; echo 'Hint: You are currently not seeing messages from other users and the system.' >&2`,
    )
    const { found } = await journalSection({ fromMs: AT.getTime(), toMs: LATER.getTime() }, env)
    const shown = 'unavailable' in found ? [] : found.map((line) => line.replace(/^\d+\.\d{6} host /, ''))
    expect(shown).toEqual([
      'journal-access: only the lines of this user could be read',
      'systemd[900]: unit=night.service Stopping The night shift...',
      'systemd[1]: unit=mail.service Stopping Mail...',
      'systemd[1]: Stopping unit=a b',
      'systemd-logind[412]: Session 4 logged out.',
      'earlyoom[412]: sending SIGTERM to \ufffd process 7',
      'audit[412]: ANOM_ABEND auid=1 pid=801 comm="tmux" sig=6',
      'kernel: node[801]: segfault at 0 ip 1',
    ])
  })

  it('says how much of a long journal was left out', async () => {
    const { bin, env } = newRoot()
    writeFileSync(
      join(bin, 'lines'),
      Array.from({ length: 2_010 }, (_none, at) => entry('systemd', `line ${at}`)).join('\n'),
    )
    standIn(bin, 'journalctl', `exec cat '${bin}/lines'`)
    const { found } = await journalSection({ fromMs: AT.getTime(), toMs: LATER.getTime() }, env)
    expect('unavailable' in found ? [] : found.slice(0, 2)).toEqual([
      'journal-cut: 10 earlier lines were left out',
      expect.stringContaining('line 10'),
    ])
  })

  it('has the sender of a signal, even when a process without a signal witness wrote it before', async () => {
    const { root, bin, env } = newRoot()
    standIn(bin, 'journalctl', '')
    const record = death(root, EXITED)
    await collectAddenda(root, [record], { env, now: LATER })
    const signals: SignalSource = {
      signalsTo: (pid) => [
        {
          signal: 'SIGTERM',
          atMs: AT.getTime() - 20,
          target: { pid, comm: 'tmux: server' },
          sender: {
            pid: 4242,
            comm: 'pkill',
            user: 'ada',
            command: 'pkill tmux',
            ancestors: [{ pid: 4240, comm: 'bash', command: 'bash "my script".sh' }],
          },
        },
      ],
    }
    await collectAddenda(root, [record], { env, now: LATER, signals })
    const { judged } = await judgeDeath(root, record, [record])
    expect(judged).toMatchObject({
      verdict: 'terminated',
      confidence: 'high',
      summary: expect.stringContaining('pid 4242 (pkill tmux), started by pid 4240 (bash "my script".sh)'),
      killer: { pid: 4242, ancestors: [{ pid: 4240 }] },
    })
  })

  it.each([
    ['since before the death', -60_000, true],
    ['only since after it', 60_000, false],
  ])('says that the signal witness was on %s', async (_what, sinceMs, isSaid) => {
    const { root, bin, env } = newRoot()
    standIn(bin, 'journalctl', '')
    const record = death(root, EXITED)
    const signals: SignalSource = { signalsTo: () => [], watchingSince: () => AT.getTime() + sinceMs }
    await collectAddenda(root, [record], { env, now: LATER, signals })
    const text = readFileSync(addendumPath(root, record.id), 'utf8')
    const line = `\n--- signal-witness\nwatching since=${new Date(AT.getTime() + sinceMs).toISOString()}\n`
    expect(text.includes(line)).toBe(isSaid)
  })

  it('names no process for a signal that the kernel sent', () => {
    const lines = signalLines({
      signal: 'SIGKILL',
      atMs: AT.getTime(),
      target: { pid: 801, comm: 'tmux: server' },
      sender: 'kernel',
    })
    expect(lines).toEqual([
      `sender_pid=0 sender_comm=kernel signal=SIGKILL target_pid=801 target_comm="tmux: server" ts=${AT.toISOString()}`,
    ])
  })

  it('cannot look like the head of a section, control a terminal, or grow without limit', () => {
    const text = formatSection({
      name: 'journal',
      found: [...Array.from({ length: 3_000 }, () => 'x'.repeat(5_000)), '--- end', 'a\u001b[2Jb'],
    })
    const lines = text.split('\n')
    expect(lines).toHaveLength(2_102)
    expect(lines).toContain(' --- end')
    expect(lines).toContain('a?[2Jb')
    expect(text.length).toBeLessThan(2_200_000)
  })

  it.skipIf(!mayMount)('is read from a real journal in the form that verdicts are read from', async () => {
    const span = { fromMs: Date.now() - 60_000, toMs: Date.now() + 60_000 }
    const script = fileURLToPath(new URL('fixtures/with-journald.sh', import.meta.url))
    const argv = ['-m', 'sh', script, 'journalctl', ...journalArguments(span)]
    const ran = await new Promise<{ code: number | null; lines: string[] }>((resolve) => {
      const child = execFile('unshare', argv, (_error, stdout) =>
        resolve({ code: child.exitCode, lines: stdout.split('\n') }),
      )
      child.stdin?.end('Stopping User Manager for UID 1000...\n')
    })
    if (ran.code === 3) return process.stderr.write('no journald: not tested with a real journal\n')
    const line =
      ran.lines.flatMap((one) => journalLine(one) ?? []).find((one) => one.includes('Stopping User')) ?? ''
    expect(line).toMatch(/^\d+\.\d{6} \S+ systemd\[\d+\]: Stopping User Manager for UID 1000\.\.\.$/)
    expect(Math.abs(Number(line.split(' ')[0]) * 1_000 - Date.now())).toBeLessThan(20_000)
    return undefined
  })
})

describe('a core file', () => {
  it.each([
    ['core.%p', 'core.801', true],
    ['core.%p', 'core.802', false],
    ['core-%e.%p.%t', 'core-tmux: server.801.1781106127', true],
    ['%h.%%.%P', 'host.%.801', true],
    ['core', 'core.801', true],
    ['core(%p)', 'core(801)', true],
    ['core.%p', 'xcore.801', false],
  ])('of pattern %s and name %s: %s', (pattern, name, matches) => {
    expect(coreNames(pattern, 801).test(name)).toBe(matches)
  })

  it('is found where the pattern says, if it was written at that time', async () => {
    const { root, bin, env } = newRoot()
    const patternFile = join(bin, 'core_pattern')
    writeFileSync(patternFile, `${root}/core.%e.%p\n`)
    for (const name of ['core.tmux.801', 'core.tmux.8011', 'core.old.801'])
      writeFileSync(join(root, name), '')
    utimesSync(join(root, 'core.tmux.801'), LATER, LATER)
    utimesSync(join(root, 'core.old.801'), 0, 0)
    const found = await coreSection(
      { atMs: AT.getTime(), fromMs: AT.getTime(), pid: 801 },
      { env, patternFile },
    )
    expect(found).toEqual({ name: 'core', found: [`new ${root}/core.tmux.801`] })
  })

  it('that systemd keeps is listed by coredumpctl', async () => {
    const { bin, env } = newRoot()
    const patternFile = join(bin, 'core_pattern')
    writeFileSync(patternFile, '|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h\n')
    const row = 'Wed 2026-06-10 15:42:07 UTC 801 1000 1000 SIGSEGV present /usr/bin/tmux 120.1K'
    standIn(bin, 'coredumpctl', `[ "$5" = COREDUMP_PID=801 ] && echo '${row}'`)
    const at = { atMs: AT.getTime(), fromMs: AT.getTime(), pid: 801 }
    expect((await coreSection(at, { env, patternFile })).found).toEqual([row])
    standIn(bin, 'coredumpctl', 'exit 1')
    expect((await coreSection(at, { env, patternFile })).found).toEqual([])
  })
})

describe('on macOS', () => {
  it('the log is searched for messages of the kernel about memory', () => {
    const args = logArguments({ fromMs: AT.getTime(), toMs: LATER.getTime() })
    expect(args.slice(0, 7)).toEqual([
      'show',
      '--style',
      'syslog',
      '--start',
      '2026-06-10 15:42:07+0000',
      '--end',
      '2026-06-10 15:42:17+0000',
    ])
    expect(args.at(-1)).toContain('memorystatus')
  })

  it('reports written after the death are listed with their first line', async () => {
    const { root } = newRoot()
    const directory = join(root, 'Library/Logs/DiagnosticReports')
    mkdirSync(directory, { recursive: true })
    const report = (name: string, at: Date): void => {
      writeFileSync(join(directory, name), `{"app_name":"${name}"}\n{"pid":801}\n`)
      utimesSync(join(directory, name), at, at)
    }
    report('tmux-2026-06-10-154210.ips', LATER)
    report('old.ips', new Date(AT.getTime() - 3_600_000))
    report('notes.txt', LATER)
    const [user, system] = await reportSections({ atMs: AT.getTime(), fromMs: AT.getTime(), pid: 801 }, root)
    expect(user?.found).toEqual(['tmux-2026-06-10-154210.ips {"app_name":"tmux-2026-06-10-154210.ips"}'])
    expect(system?.found).toEqual({ unavailable: '/Library/Logs/DiagnosticReports: ENOENT' })
  })
})
