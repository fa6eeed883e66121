import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExitLine, parseExitsLog } from '../src/index.ts'

const SESSION =
  'ts=2026-06-10T15:42:07.113Z ev=session-exit identity=claude-bob gen=9f2c41d0aa37be10 dead_status=1 dead_signal= leader_pid=812 forensics='
const SERVER =
  'ts=2026-06-10T15:42:08.113Z ev=server-exit identity=claude-eve gen=aaaa41d0aa37be10 server_pid=801 server_start=77 wait_rc=137 cause=killed signal=SIGKILL mode=guard recorder=guard forensics=/r/x.txt'
const AGENT = `${SESSION}/r/y.txt recorder=hook`

describe('a line of exits.log', () => {
  it('of a session has exit code and leader', () => {
    expect(parseExitLine(SESSION)).toEqual({
      id: 'claude-bob-9f2c41d0aa37be10',
      ts: '2026-06-10T15:42:07.113Z',
      event: 'session-exit',
      identity: 'claude-bob',
      gen: '9f2c41d0aa37be10',
      exitCode: 1,
      leaderPid: 812,
    })
  })

  it('of a server has cause, wait status, signal and snapshot', () => {
    expect(parseExitLine(SERVER)).toEqual({
      id: 'claude-eve-aaaa41d0aa37be10',
      ts: '2026-06-10T15:42:08.113Z',
      event: 'server-exit',
      identity: 'claude-eve',
      gen: 'aaaa41d0aa37be10',
      serverPid: 801,
      waitStatus: 137,
      signal: 'SIGKILL',
      cause: 'killed',
      mode: 'guard',
      recorder: 'guard',
      forensics: '/r/x.txt',
    })
  })

  it('of an older version has no gen; its id is identity and epoch seconds', () => {
    const line =
      'ts=2026-06-10T15:42:07Z ev=server-exit identity=claude-bob server_pid=801 wait_rc=1 cause=server-vanished forensics=/a'
    expect(parseExitLine(line)?.id).toBe(`claude-bob-${Date.parse('2026-06-10T15:42:07Z') / 1000}`)
  })

  it.each([
    ['wait_rc=unknown', undefined, undefined],
    ['wait_rc=300', undefined, undefined],
    ['wait_rc=139', 139, 'SIGSEGV'],
    ['wait_rc=0', 0, undefined],
  ])('reads %s', (field, waitStatus, signal) => {
    const record = parseExitLine(SERVER.replace('wait_rc=137', field).replace(' signal=SIGKILL', ''))
    expect(record).toMatchObject({ cause: 'killed' })
    expect([record?.event === 'server-exit' && record.waitStatus, record?.signal]).toEqual([
      waitStatus,
      signal,
    ])
  })

  it('the exit code of a watching client is not taken for a signal of the server', () => {
    const line = SERVER.replace('mode=guard', 'mode=watch').replace(' signal=SIGKILL', '')
    expect(parseExitLine(line)).toMatchObject({ waitStatus: 137, signal: undefined })
  })

  it.each(['9', 'KILL', 'SIGKILL', 'Killed', 'killed', '"Killed: 9"'])(
    'the signal %s is SIGKILL',
    (signal) => {
      expect(parseExitLine(SESSION.replace('dead_signal=', `dead_signal=${signal}`))?.signal).toBe('SIGKILL')
    },
  )

  it.each(['{', '"\\033[2J"', '"SIG\\nKILL"', 'x'.repeat(100)])(
    'a text that cannot be the name of a signal is ignored: %s',
    (signal) => {
      const record = parseExitLine(SESSION.replace('dead_signal=', `dead_signal=${signal}`))
      expect(record).toMatchObject({ event: 'session-exit', signal: undefined })
    },
  )

  it('is rejected without time, identity, event or its last field', () => {
    for (const cut of [
      'ts=2026-06-10T15:42:07.113Z ',
      'ev=session-exit ',
      'identity=claude-bob ',
      ' forensics=',
    ]) {
      expect(parseExitLine(SESSION.replace(cut, ''))).toBeUndefined()
    }
    expect(parseExitLine(SESSION.replace('2026-06', '2026-16'))).toBeUndefined()
  })
})

describe('a whole exits.log', () => {
  it('drops a torn line and keeps the record that it was merged with', () => {
    const torn = SERVER.slice(0, 90)
    const log = parseExitsLog(`${SESSION}\n${torn}${SERVER}\n${torn}`)
    expect(log.records.map((record) => record.id)).toEqual([
      'claude-bob-9f2c41d0aa37be10',
      'claude-eve-aaaa41d0aa37be10',
    ])
    expect(log.unreadable).toBe(2)
  })

  it('returns one record for a death that is written twice', () => {
    expect(parseExitsLog(`${SERVER}\n${SERVER}\n`).records).toHaveLength(1)
  })

  it.each([
    ['in the path of its snapshot', SERVER.slice(0, -8), SERVER, AGENT],
    ['after the path', AGENT.slice(0, -3), AGENT, SERVER],
  ])('takes the whole line of a death whose first line was cut %s', (_where, cut, whole, other) => {
    for (const text of [`${cut}\n${whole}\n`, `${cut}${other}\n${whole}\n${other}\n`]) {
      const { records, unreadable } = parseExitsLog(text)
      expect(records).toContainEqual(parseExitLine(whole))
      expect(new Set(records.map(({ id }) => id)).size).toBe(records.length)
      expect(unreadable).toBe(1)
    }
  })

  it('takes the first of two lines of a death that say different things', () => {
    const first = parseExitLine(SESSION)
    const longer = SESSION.replace('dead_status=', 'dead_status=9')
    expect(parseExitsLog(`${SESSION}\n${longer} more=1\n`).records).toEqual([first])
  })

  it('is parsed without an exception, whatever its text and wherever it is cut', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseExitsLog(text).unreadable >= 0))
    const log = `${SESSION}\n${SERVER}\n`
    for (let cut = 0; cut <= log.length; cut++)
      expect(parseExitsLog(log.slice(0, cut)).records.length).toBeLessThanOrEqual(2)
  })

  it('is parsed without an exception for any bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        (bytes) => parseExitsLog(Buffer.from(bytes).toString('utf8')).records.length >= 0,
      ),
    )
  })
})

it('a death without a known time has the time it was last seen alive; an invalid time is ignored', () => {
  const line = (more: string) =>
    parseExitLine(
      `ts=2026-06-10T15:42:07Z ev=server-exit identity=claude-bob gen=9f2c41d0aa37be10 server_pid=8 wait_rc=unknown cause=recorder-lost mode=none recorder=none${more} forensics=`,
    )
  expect(line(' seen_alive=2026-06-10T14:02:07.113Z')).toMatchObject({
    seenAlive: '2026-06-10T14:02:07.113Z',
  })
  expect(line(' seen_alive=soon')).not.toHaveProperty('seenAlive')
  expect(line('')).not.toHaveProperty('seenAlive')
})
