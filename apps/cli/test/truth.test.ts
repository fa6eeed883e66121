import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { campaignCases, isFullCampaign, mayMount, smallDisk, until } from '@iapeer/dev/testing'
import { shownState } from '@iapeer/lifecycle/fleet'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { describe, expect, it } from 'vitest'
import { homeShort, peerTable } from '../src/commands/peers/peer-table.ts'
import { widthOf } from '../src/table.ts'
import { ageText, durationText, spanText, timeText } from '../src/times.ts'
import { homes, jsonLines } from './support.ts'

const newHome = homes()

describe('the table of peers', () => {
  const nowMs = Date.parse('2026-06-10T12:00:00Z')
  const peer = (personality: string, fields: object) => ({
    identity: `command-${personality}`,
    personality,
    runtime: 'command',
    runtimes: ['command'],
    intelligence: 'artificial',
    home: '/srv/peers/one',
    cwd: '/srv/peers/one',
    state: 'running' as const,
    shown: shownState({ state: 'running' }),
    since: '2026-06-10T09:00:00Z',
    ...fields,
  })
  const death = { id: 'command-bob-0', ts: '2026-06-10T11:57:00Z', signal: 'SIGKILL' }
  const lost = { state: 'failed', lastEnd: 'crash', lastExit: death } as const
  const peers = [
    peer('ann', {}),
    peer('bob', { shown: shownState(lost), since: death.ts, death, restarts: 2 }),
    peer('cid', { shown: shownState({ state: 'not-running' }), since: undefined }),
  ]

  it('puts trouble first, with its age and its last death', () => {
    const rows = peerTable(peers, { nowMs }).split('\n')
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ['PEER', 'STATE', 'SINCE', 'RESTARTS', 'LAST DEATH', 'DIRECTORY'],
      ['✕ bob', 'dead (SIGKILL)', '3 min', '2', 'SIGKILL, 3 min ago', '/srv/peers/one'],
      ['● ann', 'running', '3 h', '-', '-', '/srv/peers/one'],
      ['○ cid', 'new', '-', '-', '-', '/srv/peers/one'],
    ])
    expect(peerTable(peers, { utc: true })).toContain('SIGKILL, 2026-06-10 11:57:00 UTC')
  })

  it.each(campaignCases([20, 30, 46, 60, 80, 100, 200]))(
    'fits %i columns without cutting a cell',
    (columns) => {
      const rows = peerTable(peers, { nowMs, columns }).split('\n')
      for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(columns)
      const whole = new Set(peerTable(peers, { nowMs }).split(/ {2,}|\n/))
      for (const cell of rows.flatMap((row) => row.split(/ {2,}/)))
        expect(columns < 30 && cell === 'dead' ? 'dead (SIGKILL)' : cell).toSatisfy((text) => whole.has(text))
    },
  )
})

it('a time that is not known is the two times between which something happened', () => {
  const nowMs = Date.parse('2026-06-10T12:00:00Z')
  const [seen, found] = ['2026-06-10T11:20:00Z', '2026-06-10T11:59:57Z']
  expect(spanText(seen, found, { nowMs })).toBe('3 s to 40 min ago')
  expect(spanText(undefined, found, { nowMs })).toBe('3 s ago')
  expect(spanText(found, found, { nowMs })).toBe('3 s ago')
  expect(spanText(seen, found, { utc: true })).toBe('2026-06-10 11:20:00 to 2026-06-10 11:59:57 UTC')
})

it('times are relative in their largest unit', () => {
  const from = Date.parse('2026-06-10T12:00:00Z')
  const cases = {
    0: '0 s',
    59: '59 s',
    60: '1 min',
    3599: '59 min',
    3600: '1 h',
    172799: '47 h',
    172800: '2 days',
  }
  for (const [secs, text] of Object.entries(cases))
    expect(ageText(new Date(from).toISOString(), { nowMs: from + Number(secs) * 1_000 })).toBe(text)
  expect(durationText(-1)).toBe('0 s')
  expect(timeText('2026-06-10T12:00:00.500Z', { utc: true })).toBe('2026-06-10 12:00:00 UTC')
})

it('shortens only the home directory', () => {
  expect(homeShort('/home/me', '/home/me')).toBe('~')
  expect(homeShort('/home/me/x', '/home/me')).toBe('~/x')
  expect(homeShort('/home/mean', '/home/me')).toBe('/home/mean')
  expect(homeShort('/x', '/')).toBe('/x')
})

it('list and show say how a peer died', async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--', 'sh', '-c', 'echo ready; exec sleep 1000')
  await home.iapeer('start', 'bob')
  const [session] = await listSessions(home.root)
  const leader = session?.leader.pid ?? Number.NaN
  const show = async () => (await home.iapeer('show', 'bob')).stdout
  await until('its screen', async () => /\n {2}ready\n/.test(await show()))
  expect(await show()).toMatch(
    new RegExp(
      `^● bob[\\s\\S]*state +running, since \\d+ s ago\n {2}turn +working; by its output\n {2}pid +${leader}\n[\\s\\S]*memory +\\d+\\.\\d MiB \\(1 process\\)`,
    ),
  )
  expect(await show()).toMatch(
    /daemon +not running: no restarts, no notifications\n {2}notifications +unknown: daemon not reachable$/m,
  )
  process.kill(leader, 'SIGKILL')
  await until('its death', async () =>
    /^✕ bob +dead \(SIGKILL\) +\d+ s +- +SIGKILL, \d+ s ago/m.test((await home.iapeer('list')).stdout),
  )
  expect(await show()).toMatch(
    /^✕ bob[\s\S]*state +dead \(SIGKILL\), since \d+ s ago\n[\s\S]*last death +SIGKILL \([a-z-]+\), \d+ s ago: iapeer autopsy command-bob-/,
  )
  expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([
    {
      state: 'failed',
      shown: { word: 'dead', detail: 'SIGKILL', isTrouble: true },
      death: { signal: 'SIGKILL' },
    },
  ])
  const ascii = await home.iapeerWith({ LC_ALL: 'C' }, 'list')
  expect(ascii.stdout).toMatch(/^x bob /m)
  expect(ascii.stdout).toMatch(/^[ -~\n]*$/)
})

it.runIf(isFullCampaign())(
  'list does not show the death of a removed peer that had the same name',
  async () => {
    const home = newHome()
    const makeBob = () => home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const killBob = async () => {
      await home.iapeer('start', 'bob')
      process.kill((await listSessions(home.root))[0]?.leader.pid ?? Number.NaN, 'SIGKILL')
      await until('its death', async () => /^✕ bob +dead/m.test((await home.iapeer('list')).stdout))
    }
    await makeBob()
    await home.iapeer('create', 'ann', '--', 'sleep', '1000')
    await killBob()
    await home.iapeer('remove', 'bob')
    await makeBob()
    // Another peer that has ended makes list read the deaths.
    await home.iapeer('start', 'ann')
    await home.iapeer('stop', 'ann')
    const [ann, bob] = jsonLines((await home.iapeer('list', '--json')).stdout)
    expect(ann).toMatchObject({ personality: 'ann', shown: { word: 'stopped' } })
    expect(bob).toMatchObject({ personality: 'bob', shown: { word: 'new' } })
    expect(bob).not.toHaveProperty('death')
    expect((await home.iapeer('autopsy', 'bob')).exitCode).toBe(0)
    await killBob()
    const [, now] = jsonLines((await home.iapeer('list', '--json')).stdout)
    expect(now).toMatchObject({ death: { signal: 'SIGKILL' } })
    // A tally that was lost does not hide a death of this peer.
    rmSync(join(home.root, 'state', 'lifecycle', 'command-bob.tally'))
    const [, lost] = jsonLines((await home.iapeer('list', '--json')).stdout)
    expect(lost).toMatchObject({ death: { signal: 'SIGKILL' } })
  },
)

it.runIf(isFullCampaign())(
  'show prints where the daemon sends notifications, whatever the environment of the caller',
  async () => {
    const home = newHome()
    await home.iapeer('create', 'bob')
    const url = 'http://127.0.0.1:9/a-secret-path'
    const notifications = async (variables = {}) =>
      /^ {2}notifications +(.*)$/m.exec((await home.iapeerWith(variables, 'show', 'bob')).stdout)?.[1]
    const unknown = 'unknown: daemon not reachable'
    expect(await notifications({ IAPEER_WEBHOOK_URL: url })).toBe(unknown)
    expect(await home.iapeerWith({ IAPEER_WEBHOOK_URL: url }, 'daemon', 'start')).toMatchObject({
      exitCode: 0,
    })
    try {
      expect(await notifications()).toMatch(/^[a-z]+: http:\/\/127\.0\.0\.1:9/)
      expect(await notifications()).not.toContain('secret')
      expect(await notifications({ IAPEER_NOTIFY: '1' })).not.toContain('desktop')
    } finally {
      await home.iapeer('daemon', 'stop')
    }
    expect(await home.iapeerWith({ IAPEER_WEBHOOK_URL: '' }, 'daemon', 'start')).toMatchObject({
      exitCode: 0,
    })
    try {
      expect(await notifications({ IAPEER_WEBHOOK_URL: url })).toBe(
        'none: no channel is set up (iapeer notify list)',
      )
    } finally {
      await home.iapeer('daemon', 'stop')
    }
  },
)

it('list, deaths and autopsy say so when the log of deaths cannot be read', async () => {
  const home = newHome()
  await home.iapeer('create', 'bob')
  const { exitsLog } = rootLayout(home.root).records
  mkdirSync(exitsLog, { recursive: true })
  expect(await home.iapeer('list')).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('○ bob'),
    stderr: expect.stringMatching(/deaths may be missing here: .*exits\.log cannot be read: EISDIR/),
  })
  for (const args of [['deaths'], ['autopsy', 'bob']])
    expect(await home.iapeer(...args)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('deaths may be missing here'),
    })
  rmSync(exitsLog, { recursive: true })
  expect(await home.iapeer('list')).toMatchObject({ exitCode: 0, stderr: '' })
})

it.runIf(mayMount)('list, deaths and the overview say so while the disk is full', async () => {
  const home = newHome()
  const disk = await smallDisk(home.root)
  try {
    chmodSync(home.root, 0o700)
    await home.iapeer('create', 'bob')
    mkdirSync(rootLayout(home.root).records.deathsDir, { recursive: true })
    expect(await home.iapeer('deaths')).toMatchObject({ exitCode: 0, stderr: '' })
    const makeRoom = disk.fill()
    for (const args of [['list'], ['deaths'], ['status'], []])
      expect(await home.iapeer(...args)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('the disk is full'),
      })
    makeRoom()
    expect(await home.iapeer('list')).toMatchObject({ exitCode: 0, stderr: '' })
  } finally {
    await disk.remove()
  }
})

it.runIf(mayMount)(
  'deaths says so while no file can be made, and lists the death with its time afterwards',
  async () => {
    const home = newHome()
    const disk = await smallDisk(home.root)
    const alone = { IAPEER_DAEMON_AUTOSTART: 'off' }
    try {
      chmodSync(home.root, 0o700)
      await home.iapeerWith(alone, 'create', 'bob', '--runtime', 'command', '--', 'sleep', '1000')
      await home.iapeerWith(alone, 'start', 'bob')
      const [before] = jsonLines((await home.iapeer('list', '--json')).stdout)
      const makeRoom = disk.fillInodes()
      process.kill(Number(before?.['leaderPid']), 'SIGKILL')
      const killedAt = Date.now()
      for (const command of ['deaths', 'list', 'deaths'])
        expect(await home.iapeerWith(alone, command)).toMatchObject({
          exitCode: 1,
          stderr: expect.stringMatching(
            /^iapeer: deaths may be missing here: .* cannot be written: no more files can be created on its disk/,
          ),
        })
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      makeRoom()
      const found = await until('the record', async () => {
        const [death] = jsonLines((await home.iapeerWith(alone, 'deaths', '--json')).stdout)
        return death
      })
      expect(found).toMatchObject({ event: 'session-exit', signal: 'SIGKILL', verdict: 'killed-by-signal' })
      expect(Math.abs(Date.parse(String(found['ts'])) - killedAt)).toBeLessThan(1_500)
      expect(await home.iapeerWith(alone, 'deaths')).toMatchObject({ exitCode: 0, stderr: '' })
    } finally {
      await disk.remove()
    }
  },
  30_000,
)
