import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, mayMount, run, smallDisk } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  createPeer,
  listPeers,
  profilePath,
  readProfile,
  removePeer,
  renamePeer,
  repairRegistry,
  toPersonality,
  toRuntime,
  updatePeer,
  verifyRegistry,
} from '../src/index.ts'
import { directories, fixture } from './support.ts'

const { directory, track } = directories()
const claude = toRuntime('claude')
const create = (root: string, name: string, description = '') =>
  createPeer(root, { personality: toPersonality(name), defaultRuntime: claude, description })

if (!mayMount)
  process.stderr.write('skipped: full and read-only disks need root on Linux (they mount a small tmpfs)\n')

describe('the registry survives', () => {
  const processes = isFullCampaign() ? 50 : 4
  const killsOfLane = isFullCampaign() ? 100 : 8

  it(`${processes} processes with 20 updates each, without a loss`, async () => {
    const root = join(directory(), 'root')
    const workers = Array.from({ length: processes }, (_none, at) => `w${at}`)
    const finished = await Promise.all(
      workers.map((name) =>
        run(process.execPath, [fixture('registry-worker.mjs'), root, name, '10'], { limitMs: 150_000 }),
      ),
    )
    expect(finished.filter((one) => one.exitCode !== 0).map((one) => one.stderr)).toEqual([])
    const wanted = workers.flatMap((name) =>
      Array.from({ length: 10 }, (_none, at) => [`${name}-${at}`, `${name} ${at}`]),
    )
    const peers = await listPeers(root)
    expect(Object.fromEntries(peers.map((peer) => [peer.personality, peer.description]))).toEqual(
      Object.fromEntries(wanted),
    )
    expect(await verifyRegistry(root)).toEqual([])
    expect(readdirSync(root).filter((name) => /\.(tmp|lock)/.test(name))).toEqual([])
  }, 180_000)

  it(`${3 * killsOfLane} kill -9 of its writer: it can always be read, and verify --fix finishes the interrupted change`, async () => {
    const lane = async (kills: number): Promise<void> => {
      const root = join(directory(), 'root')
      for (const name of ['aa-0', 'bb-0', 'cc-0']) await create(root, name)
      for (let kill = 0; kill < kills; kill++) {
        const child = spawn(process.execPath, [fixture('registry-churn.mjs'), root], {
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 25))
        child.kill('SIGKILL')
        expect(await ended).toBe('SIGKILL')
        const peers = await listPeers(root)
        expect(peers.map((peer) => peer.personality.slice(0, 2))).toEqual(['aa', 'bb', 'cc'])
        for (const { home } of peers) expect(await readProfile(home)).toBeDefined()
        expect((await repairRegistry(root, new Date())).left).toEqual([])
        expect(await verifyRegistry(root)).toEqual([])
      }
      for (const { personality, home } of await listPeers(root)) {
        await updatePeer(root, personality, { description: 'at rest' })
        expect(readdirSync(join(home, '.iapeer'))).toEqual(['peer-profile.json'])
      }
      expect(readdirSync(root).filter((name) => /tmp|lock|corrupt/.test(name))).toEqual([])
    }
    await Promise.all([lane(killsOfLane), lane(killsOfLane), lane(killsOfLane)])
  }, 240_000)

  it.skipIf(!mayMount)('a full disk: the error names it, and nothing is changed', async () => {
    const disk = await smallDisk(join(directory(), 'disk'))
    track(disk.remove)
    const root = join(disk.path, 'root')
    const { home } = await create(root, 'bob', 'old')
    const before = readFileSync(join(root, 'peers-profiles.json'), 'utf8')
    const makeRoom = disk.fill()
    const refused = { message: expect.stringContaining('ENOSPC') }
    await expect(create(root, 'ann', 'x'.repeat(450))).rejects.toMatchObject(refused)
    await expect(updatePeer(root, 'bob', { description: 'y'.repeat(450) })).rejects.toMatchObject(refused)
    await expect(renamePeer(root, 'bob', toPersonality('rob'))).rejects.toMatchObject(refused)
    expect(readFileSync(join(root, 'peers-profiles.json'), 'utf8')).toBe(before)
    expect(await readProfile(home)).toMatchObject({ personality: 'bob', description: 'old' })
    expect(existsSync(join(root, 'peers', 'ann'))).toBe(false)
    makeRoom()
    expect(await verifyRegistry(root)).toEqual([])
    await create(root, 'ann')
    expect((await listPeers(root)).length).toBe(2)
  })

  it.skipIf(!mayMount)(
    'a rename or a removal that cannot reach the registry is undone in the profile',
    async () => {
      const disk = await smallDisk(join(directory(), 'disk'))
      track(disk.remove)
      const root = join(disk.path, 'root')
      const home = join(directory(), 'home')
      mkdirSync(home)
      await createPeer(root, { personality: toPersonality('bob'), defaultRuntime: claude, home })
      // The disk of the home has space, the disk of the registry has too little for the entries.
      for (let at = 0; at < 20; at++) await create(root, `p${at}`, 'x'.repeat(400))
      const before = readFileSync(join(root, 'peers-profiles.json'), 'utf8')
      const makeRoom = disk.fill()
      const refused = { code: 'root-unwritable' }
      await expect(renamePeer(root, 'bob', toPersonality('rob'))).rejects.toMatchObject(refused)
      expect((await readProfile(home))?.personality).toBe('bob')
      await expect(removePeer(root, 'bob', new Date())).rejects.toMatchObject(refused)
      expect((await readProfile(home))?.personality).toBe('bob')
      expect(readFileSync(join(root, 'peers-profiles.json'), 'utf8')).toBe(before)
      makeRoom()
      expect(await verifyRegistry(root)).toEqual([])
    },
  )

  it.skipIf(!mayMount)('a read-only disk: it can be read, and a change is refused', async () => {
    const disk = await smallDisk(join(directory(), 'disk'))
    track(disk.remove)
    const root = join(disk.path, 'root')
    const { home } = await create(root, 'bob')
    await disk.remount('ro')
    const refused = { code: 'root-unwritable', message: expect.stringMatching(/is unchanged.*EROFS/) }
    await expect(create(root, 'ann')).rejects.toMatchObject(refused)
    await expect(updatePeer(root, 'bob', { description: 'new' })).rejects.toMatchObject(refused)
    expect((await listPeers(root)).map((peer) => peer.personality)).toEqual(['bob'])
    expect(await verifyRegistry(root)).toEqual([])
    await disk.remount('rw')
    await updatePeer(root, 'bob', { description: 'new' })
    expect(JSON.parse(readFileSync(profilePath(home), 'utf8'))).toMatchObject({ description: 'new' })
  })
})
