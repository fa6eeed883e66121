import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { lutimesSync, mkdirSync, readlinkSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { mayMount, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { readBoot } from '../src/index.ts'
import { daemonPaths } from '../src/paths/index.ts'
import { acquireDaemonLock, acquireLock, readDaemonHolder } from '../src/storage/index.ts'
import { type LockOwner, observeOwner } from '../src/storage/lock-owner.ts'
import { directories, fixture } from './support.ts'

const { directory, track } = directories()
const MINUTE_MS = 60_000

/** Starts a program as process 1 of a pid namespace of its own, as in a container, and waits for its first words. */
async function inContainer(
  script: string,
  ...args: string[]
): Promise<{ child: ChildProcess; says: string }> {
  const words = ['-p', '-f', '--kill-child', '--mount-proc', process.execPath, fixture(script), ...args]
  const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'ignore'] })
  track(() => child.kill('SIGKILL'))
  const says = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text) => resolve(`${text}`.trim())),
  )
  return { child, says }
}

async function killed({ child }: { child: ChildProcess }): Promise<void> {
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
}

/** Returns how long process 1 of this pid namespace has run, in milliseconds. */
const firstRunsMs = (): number =>
  Number(execFileSync('ps', ['-o', 'etimes=', '-p', '1'], { encoding: 'utf8' })) * 1_000

function setAge(lock: string, ms: number): void {
  const at = new Date(Date.now() - ms)
  lutimesSync(lock, at, at)
}

describe('the owner of a lock in another pid namespace of this kernel', () => {
  const before = new Date(0)
  const ownerOf = async (): Promise<LockOwner> => ({
    pid: 2,
    token: '5',
    boot: `${(await readBoot()).split('/')[0]}/77`,
    namespace: 'pid:[1]',
    host: hostname(),
  })

  it.runIf(process.platform === 'linux')(
    'is of an earlier run if it took the lock before process 1',
    async () => {
      expect(await observeOwner(await ownerOf(), before)).toBe('gone')
    },
  )

  it('is not known if it took the lock later, or on a host of another name', async () => {
    expect(await observeOwner(await ownerOf(), new Date())).toBe('unknown')
    expect(await observeOwner({ ...(await ownerOf()), host: 'elsewhere' }, before)).toBe('unknown')
  })
})

describe.skipIf(!mayMount)('a lock that a killed container has left', () => {
  it('is taken over in the next run of the container some minutes later, but not outside of it', async () => {
    const lock = join(directory(), 'file.lock')
    await killed(await inContainer('lock-holder.mjs', lock, 'stay'))
    const left = readlinkSync(lock)
    setAge(lock, 9 * MINUTE_MS)
    const early = await inContainer('try-lock.mjs', lock)
    expect(early.says).toBe('lock-held')
    setAge(lock, 11 * MINUTE_MS)
    // A host that was started since then would be the next run itself.
    if (firstRunsMs() > 12 * MINUTE_MS)
      await expect(acquireLock(lock, { limitMs: 100 })).rejects.toMatchObject({ code: 'lock-held' })
    const late = await inContainer('try-lock.mjs', lock)
    expect(late.says).toBe('held')
    expect(readlinkSync(lock)).not.toBe(left)
  })
})

describe.skipIf(!mayMount)('the lock of a daemon in another container', () => {
  function makeRoot(): string {
    const root = directory()
    mkdirSync(join(root, 'run'), { mode: 0o700 })
    return root
  }

  it('is not taken over while its socket is listened on, however old it is', async () => {
    const root = makeRoot()
    expect((await inContainer('daemon-holder.mjs', root)).says).toBe('held')
    setAge(daemonPaths(root).lock, 60 * MINUTE_MS)
    await expect(acquireDaemonLock(root)).rejects.toMatchObject({ code: 'lock-held' })
    expect(await readDaemonHolder(root)).toMatchObject({ liveness: 'unknown' })
    expect((await inContainer('daemon-holder.mjs', root)).says).toBe('lock-held')
  })

  it('is taken over when it was killed, once it would have listened', async () => {
    const root = makeRoot()
    const { lock } = daemonPaths(root)
    await killed(await inContainer('daemon-holder.mjs', root))
    await expect(acquireDaemonLock(root)).rejects.toMatchObject({ code: 'lock-held' })
    setAge(lock, 2 * MINUTE_MS)
    await until(
      'the kernel to end the container',
      async () => (await readDaemonHolder(root))?.liveness === 'gone',
    )
    expect((await inContainer('daemon-holder.mjs', root)).says).toBe('held')
    await expect(acquireDaemonLock(root)).rejects.toMatchObject({ code: 'lock-held' })
  })

  it('is not taken over if no socket proves that it was killed', async () => {
    const root = makeRoot()
    const { lock, defaultSocket } = daemonPaths(root)
    await killed(await inContainer('daemon-holder.mjs', root))
    setAge(lock, 60 * MINUTE_MS)
    rmSync(defaultSocket)
    await expect(acquireDaemonLock(root)).rejects.toMatchObject({ code: 'lock-held' })
  })
})
