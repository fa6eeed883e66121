import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run, until } from '@iapeer/dev/testing'
import { createEventLog, SUPERVISE_ACTIONS, type SuperviseAction } from '@iapeer/lifecycle/eventlog'
import { describe, expect, it } from 'vitest'
import { homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const AT = '2026-06-10T15:42:07.113Z'
const clock = () => new Date(AT)

describe('iapeer events', () => {
  it('prints starts and stops as text and as JSON', async () => {
    const home = newHome()
    expect((await home.iapeer('events')).stdout).toBe('no events recorded\n')
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    await home.iapeer('stop', 'bob')
    const printed = await home.iapeer('events', '--peer', 'bob', '--ev', 'launch,stop', '--json')
    const of = {
      schemaVersion: 2,
      ts: expect.stringMatching(/^\d{4}-.*Z$/),
      identity: 'command-bob',
      gen: expect.stringMatching(/^[0-9a-f]{16}$/),
    }
    expect(jsonLines(printed.stdout)).toEqual([
      { ...of, ev: 'launch', mode: 'fresh', ms: expect.any(Number) },
      { ...of, ev: 'stop', by: 'iapeer stop', why: 'asked', result: 'ended' },
    ])
    const lines = (await home.iapeer('events')).stdout.split('\n')
    expect(lines.slice(0, -1)).toEqual([
      expect.stringMatching(/^\d s ago {5}command-bob {3}recorder started \(launch\)$/),
      expect.stringMatching(/ started in \d+ ms$/),
      expect.stringMatching(/ stop requested by iapeer stop$/),
      expect.stringMatching(/ stop completed by iapeer stop$/),
      expect.stringMatching(/ stopped by iapeer stop$/),
    ])
    expect(jsonLines((await home.iapeer('events', '-n', '1', '--json')).stdout)).toMatchObject([
      { ev: 'stop' },
    ])
    expect((await home.iapeer('events', '--peer', 'ann', '--json')).stdout).toBe('')
  })

  it('prints unknown events: fields in camelCase, empty fields omitted, control characters replaced', async () => {
    const home = newHome()
    mkdirSync(join(home.root, 'logs', 'iapeer'), { recursive: true })
    appendFileSync(
      join(home.root, 'logs', 'iapeer', 'lifecycle.log'),
      `ts=${AT} ev=supervise identity=claude-bob action=of-tomorrow idle_secs=9 reason=\ngarbage\nts=${AT} ev=of-tomorrow some_field="a\\033[2Jb"\n`,
    )
    expect(jsonLines((await home.iapeer('events', '--json')).stdout)).toEqual([
      {
        schemaVersion: 2,
        ts: AT,
        ev: 'supervise',
        identity: 'claude-bob',
        action: 'of-tomorrow',
        idleSecs: '9',
      },
      { schemaVersion: 2, ts: AT, ev: 'of-tomorrow', someField: 'a\u001b[2Jb' },
    ])
    expect((await home.iapeer('events')).stdout).toMatch(
      / claude-bob {4}of-tomorrow\n.* - {13}of-tomorrow some_field=a \[2Jb\n$/,
    )
  })

  it('has a text for every action of the daemon', async () => {
    const home = newHome()
    const log = createEventLog(home.root, { clock })
    const texts = {
      'stay-down': [
        { after: 'self-close', why: 'policy' },
        'not restarted, as its profile asks for no restart: it exited by itself',
      ],
      start: [
        { after: 'crash', mode: 'fresh', ms: 1_234 },
        'restarting in 1.2 s with a new session: it died',
      ],
      'crash-loop': [
        { after: 'crash' },
        'not restarted, it is in a crash loop: it died (iapeer reset allows it to start again)',
      ],
      restart: [{ mode: 'resume' }, 'restarted with its conversation resumed'],
      'restart-failed': [
        { reason: 'command-not-found', why: 'program not found: x' },
        'could not be restarted: program not found: x',
      ],
      queued: [
        { why: '0.8 GiB available, 1.4 GiB needed' },
        'its start waits: 0.8 GiB available, 1.4 GiB needed',
      ],
      reap: [{ why: 'its task is done', state: 'ended' }, 'stopped: its task is done'],
      suspend: [{ why: 'it is idle', state: 'ended' }, 'suspended: it is idle'],
      unresponsive: [{ server: 812 }, 'does not answer: its tmux server (pid 812) is stopped by a signal'],
      responsive: [{}, 'answers again'],
      canary: [{ state: 'spawned', origin: 'retrofit' }, 'its recorder died; a new one is running'],
      'notify-failed': [
        { why: 'hooks/on-death exited with 1' },
        'a notification could not be delivered: hooks/on-death exited with 1',
      ],
      'session-rebuilt': [
        { kept: '/r/x.corrupt' },
        'its session file could not be read and was written again: /r/x.corrupt',
      ],
      'foreign-messages': [
        { count: 2 },
        'got 2 messages that iapeer has not sent: another session of Claude Code wrote to it',
      ],
      conversation: [
        { id: 'B', former: 'A' },
        'is in another conversation, chosen in its program: B (before: A)',
      ],
      'resume-failed': [
        { why: 'it is gone' },
        'not restarted: its conversation could not be resumed: it is gone',
      ],
      'evidence-failed': [{ why: 'ENOSPC' }, 'the evidence of the system could not be saved: ENOSPC'],
    } as const satisfies Record<SuperviseAction, readonly [Readonly<Record<string, string | number>>, string]>
    for (const action of SUPERVISE_ACTIONS)
      await log.append({ ev: 'supervise', identity: 'claude-bob', action, ...texts[action][0] })
    const lines = (await home.iapeer('events')).stdout.trimEnd().split('\n')
    expect(lines.map((line) => line.replace(/^.* claude-bob +/, ''))).toEqual(
      SUPERVISE_ACTIONS.map((action) => texts[action][1]),
    )
  })

  it('prints the same text for an action of an earlier version', async () => {
    const home = newHome()
    mkdirSync(join(home.root, 'logs', 'iapeer'), { recursive: true })
    const lines = ['asleep after=crash', 'idle-park why="it is idle"', 'tell-failed why=x', 'toString']
    appendFileSync(
      join(home.root, 'logs', 'iapeer', 'lifecycle.log'),
      lines.map((line) => `ts=${AT} ev=supervise identity=claude-bob action=${line}\n`).join(''),
    )
    const printed = (await home.iapeer('events')).stdout.trimEnd().split('\n')
    expect(printed.map((line) => line.replace(/^.* claude-bob +/, ''))).toEqual([
      'not restarted: it died',
      'suspended: it is idle',
      'a notification could not be delivered: x',
      'toString',
    ])
  })

  it.each([
    [['-n', 'few'], /invalid --number "few"/],
    [['--since', 'noon'], /invalid --since "noon"/],
    [['--peer', 'Bob!'], /invalid --peer "Bob!"/],
  ])('%j exits with 2', async (args, message) => {
    const done = await newHome().iapeer('events', ...args)
    expect([done.exitCode, done.stderr]).toEqual([2, expect.stringMatching(message)])
  })

  it('-f prints each new event once, and Ctrl-C makes it exit with 130', async () => {
    const home = newHome()
    const log = createEventLog(home.root, { clock })
    for (const pid of [1, 2, 3]) await log.append({ ev: 'daemon', state: 'started', pid })
    const following = home.start('events', '-f', '-n', '2', '--json')
    await until('the past events', () => following.text().includes('"pid":3'))
    await log.append({ ev: 'daemon', state: 'stopped', pid: 4 })
    await until('the new event', () => following.text().includes('"pid":4'))
    expect(await following.end('SIGINT')).toBe(130)
    expect(jsonLines(following.text())).toMatchObject([{ pid: 2 }, { pid: 3 }, { pid: 4 }])
  })

  it('-f exits with 0 when the reader of its output has exited', async () => {
    const home = newHome()
    const log = createEventLog(home.root)
    mkdirSync(dirname(home.root), { recursive: true })
    await log.append({ ev: 'daemon', state: 'started', pid: 1 })
    const child = spawn(
      'sh',
      [
        '-c',
        '{ "$0" "$1" events -f; echo "$?" >"$2"; } | head -n 1',
        process.execPath,
        MAIN,
        join(home.path, 'code'),
      ],
      {
        env: home.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const code = async () => (await run('cat', [join(home.path, 'code')])).stdout
    await until('the first line', () => child.stdout.read() !== null)
    await until('its exit code', async () => {
      await log.append({ ev: 'daemon', state: 'stopped', pid: 2 })
      return (await code()) !== ''
    })
    await ended
    expect(await code()).toBe('0\n')
  })

  it('--peer completes the names of peers', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob')
    expect((await home.iapeer('complete', '--', 'events', '--peer', '')).stdout).toMatch(/^bob\tpeer/)
  })
})
