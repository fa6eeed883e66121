import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { updatePeer } from '@iapeer/core/registry'
import { campaignCases, isFullCampaign, until } from '@iapeer/dev/testing'
import { answeringDaemon, stopDaemon } from '@iapeer/host'
import { afterEach, describe, expect, it } from 'vitest'
import { ASKS, besides, type Home, homes, jsonLines } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

/** The same program with a dialog that iapeer knows. */
const ASKS_KEY = ASKS.replace("'The moon is full.' 'Howl? (y)'", "'Do you want to use this API key?' '❯ No'")

async function homeWithBob(program = ASKS): Promise<Home> {
  const home = newHome()
  roots.push(home.root)
  const script = join(home.path, 'asks.sh')
  writeFileSync(script, program)
  await home.iapeer('create', 'bob', '--runtime', 'claude')
  await updatePeer(home.root, 'bob', { command: ['/bin/sh', script] })
  return home
}

const SCREEN = 'The moon is full.\nHowl? (y)'

describe('a peer that waits for a person', () => {
  it.each(campaignCases(['daemon', 'library'] as const))(
    'makes start exit with 8, with text and with JSON, and keeps running (%s)',
    async (kind) => {
      const home = await homeWithBob()
      if (kind === 'daemon') await home.iapeer('daemon', 'start')
      const first = await home.iapeer('start', 'bob', '--timeout', '2')
      expect([first.exitCode, besides(first.stderr)]).toEqual([8, ''])
      expect(first.stdout.replace(/pid \d+/, 'pid N')).toBe(
        [
          '! bob is running but blocked by what its screen shows: pid N',
          '  │ The moon is full.',
          '  │ Howl? (y)',
          '  iapeer attach bob   attach and answer it; iapeer then finishes the launch',
          '',
        ].join('\n'),
      )
      const again = await home.iapeer('start', 'bob', '--timeout', '0.5', '--json')
      expect(again.exitCode).toBe(8)
      expect(jsonLines(again.stdout)).toEqual([
        {
          schemaVersion: 2,
          state: 'blocked',
          identity: 'claude-bob',
          gen: expect.stringMatching(/^[0-9a-f]{16}$/),
          serverPid: expect.any(Number),
          leaderPid: expect.any(Number),
          startedAt: expect.stringMatching(/Z$/),
          screen: SCREEN,
        },
      ])
      expect(first.stdout).toContain(`pid ${jsonLines(again.stdout)[0]?.['leaderPid']}\n`)
      if (kind === 'daemon') expect(await answeringDaemon(home.root)).toBeDefined()
      expect((await home.iapeer('list')).stdout).toMatch(/^! bob +blocked /m)
      await home.iapeer('send-keys', 'bob', 'y')
      expect(await home.iapeer('start', 'bob')).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/^● bob is (already )?running: pid \d+\n/),
      })
      expect(await home.iapeer('stop', 'bob')).toMatchObject({ exitCode: 0 })
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'is started by the next command that reads its state once a person has answered, and stopped like any other',
    async () => {
      const home = await homeWithBob()
      await home.iapeer('start', 'bob', '--timeout', '2')
      expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([
        { state: 'blocked', screen: SCREEN, blockedSince: expect.stringMatching(/Z$/) },
      ])
      expect((await home.iapeer('show', 'bob')).stdout).toMatch(
        /state +blocked, since \d+ s ago\n[\s\S]*│ Howl\? \(y\)\n/,
      )
      expect(jsonLines((await home.iapeer('show', 'bob', '--json')).stdout)).toMatchObject([
        { state: 'blocked', screen: SCREEN, personality: 'bob', interfaces: [] },
      ])
      await home.iapeer('send-keys', 'bob', 'y')
      const state = async (command: string) =>
        jsonLines((await home.iapeer(...command.split(' '), '--json')).stdout)[0]?.['state']
      await until('it to be running', async () => (await state('list')) === 'running')
      expect(await state('show bob')).toBe('running')
      expect((await home.iapeer('events', '--ev', 'launch')).stdout).toMatch(/ started in \d+ ms/)
      expect((await home.iapeer('events', '--ev', 'blocked')).stdout).toMatch(
        / started in \d+ ms, and is blocked until a person answers its dialog\n/,
      )
      expect((await home.iapeer('stop', '--all')).exitCode).toBe(0)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'does not prevent start --all from starting the others, and is stopped by stop --all',
    async () => {
      const home = await homeWithBob()
      await home.iapeer('create', 'zoe', '--', 'sleep', '1000')
      const all = await home.iapeer('start', '--all', '--timeout', '2')
      expect(all.exitCode).toBe(8)
      expect((await home.iapeer('list')).stdout).toMatch(/! bob +blocked[\s\S]*● zoe +running/)
      expect(await home.iapeer('stop', '--all')).toMatchObject({ exitCode: 0 })
      expect((await home.iapeer('list')).stdout).toMatch(/○ bob +stopped[\s\S]*○ zoe +stopped/)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'is supervised by run, which prints that it is blocked, and stopped by SIGTERM without a record',
    async () => {
      const home = await homeWithBob(ASKS_KEY)
      const running = home.start('run', 'bob')
      await until('it to be blocked', () => running.text().includes('blocked by a dialog (API key)'), 20_000)
      expect((await home.iapeer('list')).stdout).toMatch(/^! bob +blocked \(API key\) /m)
      await home.iapeer('send-keys', 'bob', 'y')
      await until('it to be running', () => running.text().includes('bob is running: pid'), 20_000)
      expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running \(by a service manager\)/m)
      expect(await running.end('SIGTERM')).toBe(0)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
    60_000,
  )
})

it.runIf(isFullCampaign())(
  'new and refresh exit with 8 too if the peer waits for a person',
  async () => {
    const home = await homeWithBob(ASKS_KEY)
    expect(await home.iapeer('new', 'bob')).toMatchObject({
      exitCode: 8,
      stdout: expect.stringMatching(/blocked by a dialog \(API key\): pid[\s\S]*Attach and answer/),
    })
    expect(await home.iapeer('refresh', 'bob')).toMatchObject({ exitCode: 8 })
    const [outcome] = jsonLines((await home.iapeer('refresh', 'bob', '--json')).stdout)
    expect(outcome).toMatchObject({ state: 'refreshed', session: { state: 'blocked', dialog: 'API key' } })
    await home.iapeer('stop', 'bob')
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  },
  60_000,
)
