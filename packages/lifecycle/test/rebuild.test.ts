import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { FleetSupervisor, launchPeer, listSessions, readEvents, statusOf, stopPeer } from '../src/index.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('command-bob')

/** Starts a peer and corrupts its session file. */
async function startCorrupt({ root, peer }: TestRoot) {
  const entry = await peer(['sleep', '1000'])
  const { session: before } = await launchPeer(root, entry)
  const path = join(root, 'state', 'lifecycle', 'command-bob.session')
  writeFileSync(path, '{"schemaVersion":1,"serv')
  return { path, before, entry }
}

it.runIf(isFullCampaign())(
  'a peer whose session file is corrupt goes on under the supervisor, and is enrolled again',
  async () => {
    const made = newRoot()
    const { root } = made
    const { path, before } = await startCorrupt(made)
    await updatePeer(root, 'bob', { wakePolicy: 'keep-alive' })
    const supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_TICK_SECS: '0.3' } })
    await supervisor.start()
    track(() => supervisor.stop())
    await until('the session to be enrolled', async () => (await listSessions(root)).length === 1)
    const { session } = await statusOf(root, BOB)
    const { startedAt: _at, readyAt: _ready, limits: _limits, uncontained: _why, ...same } = before
    expect(session).toMatchObject({ ...same, holder: undefined })
    expect(readFileSync(`${path}.corrupt`, 'utf8')).toBe('{"schemaVersion":1,"serv')
    expect((await readEvents(root)).events).toContainEqual(
      expect.objectContaining({ action: 'session-rebuilt', kept: `${path}.corrupt` }),
    )
    // As before, its death is recorded and its stop is not.
    process.kill(before.leader.pid, 'SIGKILL')
    await until('the restart', async () => {
      const now = (await statusOf(root, BOB)).session
      return now !== undefined && now.gen !== before.gen
    })
    expect(made.deaths()).toHaveLength(1)
    await stopPeer(root, BOB, { by: 'a test' })
    expect(made.deaths()).toHaveLength(1)
  },
  20_000,
)

it('a start finds it running, and a stop records no death', async () => {
  const made = newRoot()
  const { root } = made
  const { before, entry, path } = await startCorrupt(made)
  expect(await launchPeer(root, entry)).toMatchObject({ state: 'already', session: { gen: before.gen } })
  writeFileSync(path, '')
  expect(await stopPeer(root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
  expect(existsSync(`/proc/${before.server.pid}`)).toBe(false)
  expect(made.deaths()).toEqual([])
})

it.runIf(isFullCampaign())(
  'a later session whose file is corrupt is enrolled again too, and both corrupt files are kept',
  async () => {
    const made = newRoot()
    const { root } = made
    const first = await startCorrupt(made)
    expect(await launchPeer(root, first.entry)).toMatchObject({ session: { gen: first.before.gen } })
    await stopPeer(root, BOB, { by: 'a test' })
    const { session } = await launchPeer(root, first.entry)
    writeFileSync(first.path, '{ again')
    expect(await launchPeer(root, first.entry)).toMatchObject({
      state: 'already',
      session: { gen: session.gen },
    })
    expect(readFileSync(`${first.path}.corrupt`, 'utf8')).toBe('{"schemaVersion":1,"serv')
    expect(readFileSync(`${first.path}.corrupt-2`, 'utf8')).toBe('{ again')
    await stopPeer(root, BOB, { by: 'a test' })
  },
)
