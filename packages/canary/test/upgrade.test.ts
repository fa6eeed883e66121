import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { readBoot } from '@iapeer/core/process'
import { type OldRecorder, startOldGuard, startOldWatch, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { completeIntent, declareIntent, ensureCanary, readClaim, reconcile } from '../src/index.ts'
import { claimOf, deathOf, exits, expectSilence, type Root, roots, settled, type Watched } from './support.ts'

const newRoot = roots()

type Old = OldRecorder & Watched

async function locationIn(root: Root, gen: string) {
  const { recordDir, stateDir, libDir } = recordLayout(root)
  return {
    identity: 'claude-bob',
    gen,
    recordDir,
    stateDir,
    libDir,
    socketPath: root.socket(),
    boot: await readBoot(),
  }
}

/** Starts a server with a recorder of the earlier commit, and a session. */
async function oldGuard(root = newRoot()): Promise<Old> {
  const old = await startOldGuard(await locationIn(root, '00000000000000a1'))
  root.track(old.server.end)
  await old.server.tmux('-N', 'new-session', '-d', 'exec sleep 1000')
  return { ...old, root }
}

async function oldWatch(root = newRoot()): Promise<Old> {
  const server = await root.server()
  return { ...(await startOldWatch(await locationIn(root, '00000000000000b2'), server)), root }
}

const killOldRecorder = async (of: Old): Promise<void> => {
  process.kill(of.recorderPid, 'SIGKILL')
  await until('the old recorder to exit', () => !existsSync(`/proc/${of.recorderPid}/cwd`))
}

describe('running recorders of an earlier commit', () => {
  it.each([
    ['guard', oldGuard, { cause: 'killed', signal: 'SIGKILL', mode: 'guard' }],
    ['watch', oldWatch, { cause: 'server-vanished', mode: 'watch' }],
  ] as const)('a %s records a death, and its claim is read', async (_name, start, expected) => {
    const bob = await start()
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject(expected)
    expect(readClaim(bob)).toMatchObject({ event: 'server-exit', rc: expect.stringMatching(/^(137|1)$/) })
    expect(await reconcile(bob)).toEqual([])
    expect(exits(bob.recordDir)).toHaveLength(1)
  })

  it.each([
    ['guard', oldGuard],
    ['watch', oldWatch],
  ] as const)('a %s stays silent for an intent of today', async (_name, start) => {
    const bob = await start()
    expect(await declareIntent({ ...bob, by: 'test', why: 'stop' })).toEqual({ state: 'declared' })
    await bob.server.tmux('kill-server')
    await bob.server.gone()
    await completeIntent(bob)
    await expectSilence(bob)
  })

  it.each([
    ['guard', oldGuard],
    ['watch', oldWatch],
  ] as const)('the death of a server whose %s was killed too is settled by today', async (_name, start) => {
    const bob = await start()
    await killOldRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await until('the settling', async () => (await reconcile(bob)).some((one) => one.outcome === 'recorded'))
    expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost', mode: 'none' })
  })

  it('the record of a guard that was killed after its claim is completed from the claim', async () => {
    const bob = await oldGuard()
    const { recorderPid, recordDir } = bob
    await killOldRecorder(bob)
    bob.server.kill('SIGSEGV')
    await bob.server.gone()
    const claim = join(recordDir, 'server-deaths', `claude-bob-${bob.gen}.claim`)
    symlinkSync(`rc=139,ev=server,rec=${recorderPid}:1,ts=1781106127113,m=g`, claim)
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({
      cause: 'crashed',
      signal: 'SIGSEGV',
      mode: 'guard',
      ts: '2026-06-10T15:42:07.113Z',
    })
    expect(claimOf(bob)).toMatch(/^rc=139,/)
  })

  it('the answer of systemd in the claim becomes the cause', async () => {
    const bob = await oldGuard()
    await killOldRecorder(bob)
    bob.server.kill('SIGTERM')
    await bob.server.gone()
    const claim = join(bob.recordDir, 'server-deaths', `claude-bob-${bob.gen}.claim`)
    symlinkSync(`rc=0,ev=server,rec=4194000:1,ts=1781106127113,m=g,c=hs`, claim)
    expect(readClaim(bob)).toMatchObject({ system: 'host-shutdown', rc: '0' })
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'host-shutdown', mode: 'guard' })
  })

  it('a killed watch is replaced by one of the present version', async () => {
    const bob = await oldWatch()
    await killOldRecorder(bob)
    const { identity, recordDir, gen } = bob
    const socketPath = bob.server.socketPath
    expect(await ensureCanary({ identity, recordDir, socketPath })).toMatchObject({ state: 'spawned', gen })
    const state = readFileSync(join(recordDir, 'state', 'canary', `claude-bob-${gen}`), 'utf8')
    expect(state).toContain('\nformat=2\n')
    bob.server.kill('SIGKILL')
    await settled(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })
})
