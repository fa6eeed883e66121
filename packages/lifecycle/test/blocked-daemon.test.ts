import { toIdentity } from '@iapeer/core/identity'
import { updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { createEventLog, FleetSupervisor, launchPeer, readEvents, statusOf, stopPeer } from '../src/index.ts'
import { abortInterruptedLaunch } from '../src/reap/suspend.ts'
import { type FakeStep, fakeAgent, pressKeys, READY, TRUST, UNKNOWN } from './fake-agent.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('claude-bob')
const SHORT = { bootTimeoutMs: 1_500 }

async function supervise(root: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const errors: string[] = []
  const supervisor = new FleetSupervisor(root, {
    env: { ...process.env, IAPEER_TICK_SECS: '0.3', ...env },
    random: () => 0,
    onError: (what, error) => errors.push(`${what}: ${error instanceof Error ? error.stack : error}`),
  })
  await supervisor.start()
  track(() => supervisor.stop())
  return errors
}

it.runIf(isFullCampaign())(
  'the daemon keeps a blocked peer running under every policy, and finishes its launch when a person has answered',
  async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, TRUST, READY], 'Good morning')
    await updatePeer(root.root, 'bob', { wakePolicy: 'ephemeral', idleSecs: 1 })
    const { session } = await launchPeer(root.root, entry, SHORT)
    const errors = await supervise(root.root, {
      IAPEER_EPHEMERAL_UNARMED_IDLE_SECS: '0.5',
      IAPEER_EPHEMERAL_QUIET_SECS: '60',
    })
    // More ticks than it takes to stop an idle peer, or to abort a launch that was interrupted.
    const ticksDoneAt = Date.now() + 4_000
    await until('some ticks', () => Date.now() > ticksDoneAt)
    expect(await statusOf(root.root, BOB)).toMatchObject({ state: 'blocked', session: { gen: session.gen } })
    await pressKeys(session, 'y')
    const ready = await until('the peer to be ready', async () => {
      const now = (await statusOf(root.root, BOB)).session
      return now?.readyAt === undefined ? undefined : now
    })
    expect([ready.gen, ready.blocked]).toEqual([session.gen, undefined])
    expect(given()).toEqual(['pressed y', 'Down', 'Enter on Yes, I trust this folder', 'sent Good morning'])
    const { events } = await readEvents(root.root)
    expect(events.filter(({ ev }) => ev === 'launch')).toMatchObject([{ gen: session.gen, message: 'given' }])
    expect(errors).toEqual([])
    await stopPeer(root.root, BOB, { by: 'a test' })
    expect(root.deaths()).toEqual([])
  },
  40_000,
)

it.runIf(isFullCampaign())(
  'a blocked peer that dies has one record and is restarted by its policy, and a second blocked launch does not count as a crash',
  async () => {
    const root = newRoot()
    const question: FakeStep = { unknown: { lines: ['Do you want to use this API key?', ' ❯ No'], key: 'y' } }
    const { entry } = await fakeAgent(root, [question, READY])
    await updatePeer(root.root, 'bob', { wakePolicy: 'keep-alive' })
    const errors = await supervise(root.root)
    const { session } = await launchPeer(root.root, entry)
    expect(session.blocked?.dialog).toBe('API key')
    process.kill(session.leader.pid, 'SIGKILL')
    await until('the record', () => root.deaths().length === 1)
    await until(
      'the peer to be blocked again',
      async () => {
        const now = await statusOf(root.root, BOB)
        return now.state === 'blocked' && now.session?.gen !== session.gen
      },
      15_000,
    )
    await until('the restart event', async () =>
      (await readEvents(root.root)).events.some(({ action }) => action === 'restart'),
    )
    const { tally } = await statusOf(root.root, BOB)
    expect([tally.endings.length, tally.loopSince, tally.startAt]).toEqual([1, undefined, undefined])
    expect(root.deaths()).toHaveLength(1)
    expect(errors).toEqual([])
  },
  40_000,
)

it('a launch that becomes blocked after the supervisor read it is not aborted as interrupted', async () => {
  const root = newRoot()
  const { entry } = await fakeAgent(root, [UNKNOWN, READY])
  const { session } = await launchPeer(root.root, entry, SHORT)
  const { blocked: _blocked, ...booting } = session
  await abortInterruptedLaunch(root.root, booting, createEventLog(root.root))
  expect(await statusOf(root.root, BOB)).toMatchObject({ state: 'blocked', session: { gen: session.gen } })
  await stopPeer(root.root, BOB, { by: 'a test' })
})
