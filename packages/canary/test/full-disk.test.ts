import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { mayMount, type SmallDisk, smallDisk, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { ensureCanary, readClaim, reconcile } from '../src/index.ts'
import {
  claimOf,
  deathOf,
  exits,
  expectSilence,
  type Root,
  recordOf,
  roots,
  settled,
  stopOnPurpose,
  type Watched,
} from './support.ts'

const newRoot = roots()
if (!mayMount)
  process.stderr.write(
    'skipped: full and read-only directories need root on Linux (they mount a small tmpfs)\n',
  )

/** A root with the record directory on its own file system of 1 MiB. */
async function smallRoot(): Promise<Root & Pick<SmallDisk, 'remount' | 'fill'>> {
  const root = newRoot()
  const disk = await smallDisk(join(root.path, 'disk'))
  root.track(disk.remove)
  return { ...root, recordDir: join(disk.path, 'rec'), remount: disk.remount, fill: disk.fill }
}

async function watchedOn(root: Root): Promise<Watched> {
  const server = await root.server()
  const result = await ensureCanary({
    identity: 'claude-bob',
    socketPath: server.socketPath,
    recordDir: root.recordDir,
  })
  if (result.state !== 'spawned') throw new Error(`not armed: ${JSON.stringify(result)}`)
  return { root, identity: 'claude-bob', server, gen: result.gen, recordDir: root.recordDir }
}

describe.skipIf(!mayMount)('a directory that cannot be written', () => {
  it('read-only at arming: the state is failed with a reason, and the server is unchanged', async () => {
    const root = await smallRoot()
    await root.remount('ro')
    const server = await root.server()
    const result = await ensureCanary({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
    })
    expect(result).toMatchObject({
      state: 'failed',
      code: 'record-dir-unwritable',
      reason: expect.stringContaining(root.recordDir),
    })
    expect((await server.tmux('list-sessions')).exitCode).toBe(0)
  })

  it('full at arming: the state is failed, and no partial file remains', async () => {
    const root = await smallRoot()
    mkdirSync(root.recordDir)
    root.fill()
    const server = await root.server()
    const result = await ensureCanary({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
    })
    expect(result).toMatchObject({ state: 'failed' })
    expect(existsSync(join(root.recordDir, 'exits.log'))).toBe(false)
    expect(server.alive()).toBe(true)
  })

  it('full at death: the prepared file holds the facts, and claim and line follow once there is space', async () => {
    const root = await smallRoot()
    const bob = await watchedOn(root)
    const makeRoom = root.fill()
    bob.server.kill('SIGKILL')
    await until('the claim', () => claimOf(bob) !== undefined)
    expect(readClaim(bob)).toMatchObject({ rc: '1', event: 'server-exit' })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(exits(bob.recordDir).filter((line) => line['forensics'] !== undefined)).toEqual([])
    makeRoom()
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', mode: 'watch', wait_rc: '1' })
  })

  it('full at death, recorder killed: reconcile completes the record from the claim', async () => {
    const root = await smallRoot()
    const bob = await watchedOn(root)
    const makeRoom = root.fill()
    bob.server.kill('SIGTERM')
    await until('the claim', () => claimOf(bob) !== undefined)
    process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGKILL')
    expect((await reconcile(bob))[0]).toMatchObject({ outcome: 'unwritable' })
    makeRoom()
    expect((await reconcile(bob))[0]).toMatchObject({ outcome: 'completed' })
    expect(readClaim(bob)).toMatchObject({ rc: '0', event: 'server-exit' })
    expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone', mode: 'watch', wait_rc: '0' })
  })

  it('full at the death of a server with two identities: one death is recorded', async () => {
    const root = await smallRoot()
    const bob = await watchedOn(root)
    const { recordDir, server } = bob
    const eve = await ensureCanary({ identity: 'tmux-eve', socketPath: server.socketPath, recordDir })
    expect(eve).toMatchObject({ state: 'spawned', gen: bob.gen })
    const makeRoom = root.fill()
    server.kill('SIGKILL')
    await server.gone()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    makeRoom()
    await settled(bob)
    await settled({ ...bob, identity: 'tmux-eve' })
    await reconcile(bob)
    expect(exits(recordDir)).toHaveLength(1)
  })

  it('read-only at death: recorded with the true cause once it is writable', async () => {
    const root = await smallRoot()
    const bob = await watchedOn(root)
    await root.remount('ro')
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await root.remount('rw')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })

  it('removed while armed: it is created again, and the death recorded', async () => {
    const root = newRoot()
    const bob = await watchedOn(root)
    rmSync(root.recordDir, { recursive: true })
    bob.server.kill('SIGKILL')
    await until('the snapshot', () =>
      statSync(exits(bob.recordDir)[0]?.['forensics'] ?? '/nowhere', { throwIfNoEntry: false }),
    )
    expect(exits(bob.recordDir)).toHaveLength(1)
  })

  it('a stop on purpose leaves no record on a full disk', async () => {
    const root = await smallRoot()
    const bob = await watchedOn(root)
    await stopOnPurpose(bob)
    await expectSilence(bob)
  })
})
