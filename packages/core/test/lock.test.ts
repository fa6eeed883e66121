import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { mayMount, run, until } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acquireLock, identifyProcess, readBoot, readLockHolder, withLock } from '../src/index.ts'
import { formatOwner, observeOwner, parseOwner } from '../src/storage/lock-owner.ts'
import { directories, fixture } from './support.ts'

const { directory, track } = directories()
const namespace = readlinkSync('/proc/self/ns/pid')
const lockPath = (): string => join(directory(), 'file.lock')

async function holder(path: string, then: 'stay' | 'exit' | 'throw' = 'stay') {
  const child = spawn(process.execPath, [fixture('lock-holder.mjs'), path, then], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  track(() => child.kill('SIGKILL'))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await until('the lock to be taken', () => text.includes('held'))
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return ended
  }
  return { pid: child.pid ?? 0, ended, end }
}

const owned = async (path: string): Promise<string> =>
  acquireLock(path, { limitMs: 2_000 }).then((lock) => {
    lock.release()
    return 'free again'
  })

describe('a lock', () => {
  it('is held by one caller at a time, also within one process, and is released even if the action throws', async () => {
    const path = lockPath()
    let inside = 0
    const work = async (fails: boolean): Promise<void> => {
      expect(++inside).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 2))
      inside--
      if (fails) throw new Error('on purpose')
    }
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_none, at) => withLock(path, () => work(at % 3 === 0))),
    )
    expect(results.filter((one) => one.status === 'rejected').map((one) => String(one.reason))).toEqual(
      Array.from({ length: 7 }, () => 'Error: on purpose'),
    )
    expect(existsSync(path)).toBe(false)
  })

  it('can be read: its holder, since when, and whether that process is running', async () => {
    const path = lockPath()
    expect(await readLockHolder(path)).toBe(undefined)
    const before = Date.now() - 50
    const { pid, end } = await holder(path)
    const held = await readLockHolder(path)
    expect(held).toEqual({ ...(await identifyProcess(pid)), since: held?.since, liveness: 'alive' })
    expect(Date.parse(held?.since ?? '')).toBeGreaterThan(before)
    await end('SIGKILL')
    expect(await readLockHolder(path)).toMatchObject({ pid, liveness: 'gone' })
    expect(await owned(path)).toBe('free again')
    writeFileSync(path, 'a file of another program')
    expect(await readLockHolder(path)).toBe(undefined)
  })

  it('names its owner: pid, start time, boot, host', async () => {
    const path = lockPath()
    const lock = await acquireLock(path)
    const me = await identifyProcess(process.pid)
    expect(parseOwner(readlinkSync(path))).toEqual({
      ...me,
      boot: await readBoot(),
      namespace,
      host: hostname(),
    })
    await lock.release()
    await lock.release()
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  it('waits up to the limit, then names its holder', async () => {
    const path = lockPath()
    const other = await holder(path)
    const started = performance.now()
    await expect(acquireLock(path, { limitMs: 150 })).rejects.toMatchObject({
      code: 'lock-held',
      message: expect.stringMatching(
        new RegExp(`${path} is held by process ${other.pid} on .*waited 150 ms`),
      ),
      hint: expect.any(String),
    })
    expect(performance.now() - started).toBeGreaterThan(149)
  })

  it('stops waiting when its signal is aborted', async () => {
    const path = lockPath()
    const lock = await acquireLock(path)
    await expect(acquireLock(path, { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      name: expect.stringMatching(/Abort|Timeout/),
    })
    await lock.release()
  })

  it.each(['exit', 'throw'] as const)('is released when its process exits by %s', async (then) => {
    const path = lockPath()
    await (await holder(path, then)).ended
    expect(existsSync(path)).toBe(false)
  })

  it('of a killed owner is taken over', async () => {
    const path = lockPath()
    await (await holder(path)).end('SIGKILL')
    expect(existsSync(join(path, '..'))).toBe(true)
    expect(await owned(path)).toBe('free again')
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  it('of a stopped owner is not taken over, because that process is alive', async () => {
    const path = lockPath()
    const other = await holder(path)
    process.kill(other.pid, 'SIGSTOP')
    await expect(acquireLock(path, { limitMs: 300 })).rejects.toMatchObject({ code: 'lock-held' })
    process.kill(other.pid, 'SIGCONT')
  })

  it('of an owner whose pid another process has now is taken over', async () => {
    const path = lockPath()
    symlinkSync(
      formatOwner(
        { pid: process.pid, token: '1', boot: await readBoot(), namespace, host: hostname() },
        'aa',
      ),
      path,
    )
    expect(await owned(path)).toBe('free again')
  })

  it('of an earlier boot is taken over, of another host never', async () => {
    const [earlier, foreign] = [lockPath(), lockPath()]
    const owner = { pid: 1, token: '5', boot: 'other/5', namespace, host: hostname() }
    symlinkSync(formatOwner(owner, 'aa'), earlier)
    symlinkSync(formatOwner({ ...owner, host: 'elsewhere' }, 'aa'), foreign)
    expect(await owned(earlier)).toBe('free again')
    await expect(acquireLock(foreign, { limitMs: 100 })).rejects.toMatchObject({
      message: expect.stringContaining('process 1 on elsewhere'),
    })
    expect(await observeOwner({ ...owner, boot: '-/5' }, new Date(0))).toBe('unknown')
  })

  it('of a process in another pid namespace (another container of this host) is not taken over', async () => {
    const boot = await readBoot()
    const inside = {
      pid: 2,
      token: '5',
      boot: `${boot.split('/')[0]}/77`,
      namespace: 'pid:[1]',
      host: hostname(),
    }
    const now = new Date()
    expect(await observeOwner(inside, now)).toBe('unknown')
    expect(await observeOwner({ ...inside, boot: 'other/5' }, now)).toBe('gone')
    expect(await observeOwner({ ...inside, namespace, boot: `${boot.split('/')[0]}/77` }, now)).toBe('gone')
  })

  it.skipIf(!mayMount)('held in another pid namespace of this host is waited for', async () => {
    const path = lockPath()
    const inside = [
      '-p',
      '-f',
      '--kill-child',
      '--mount-proc',
      process.execPath,
      fixture('lock-holder.mjs'),
      path,
      'stay',
    ]
    const child = spawn('unshare', inside, { stdio: ['ignore', 'pipe', 'ignore'] })
    track(() => child.kill('SIGKILL'))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await expect(acquireLock(path, { limitMs: 200 })).rejects.toMatchObject({
      code: 'lock-held',
      hint: expect.stringContaining('container'),
    })
  })

  it('names the stopped process that was taking it over', async () => {
    const path = lockPath()
    const dead = formatOwner({ pid: 1, token: '5', boot: 'other/5', namespace, host: hostname() }, 'aa')
    symlinkSync(dead, path)
    const taker = await holder(`${path}.take`)
    await expect(acquireLock(path, { limitMs: 100 })).rejects.toMatchObject({
      message: expect.stringContaining(`${path}.take is held by process ${taker.pid}`),
    })
  })

  it('is taken over although a process died while it took it over', async () => {
    const path = lockPath()
    const dead = formatOwner({ pid: 1, token: '5', boot: 'other/5', namespace, host: hostname() }, 'aa')
    for (const name of [path, `${path}.take`, `${path}.take.take`, `${path}.next`]) symlinkSync(dead, name)
    expect(await owned(path)).toBe('free again')
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  it('is not taken if its path is another kind of file, which stays as it is', async () => {
    const path = lockPath()
    writeFileSync(path, 'x')
    await expect(acquireLock(path, { limitMs: 50 })).rejects.toMatchObject({
      code: 'lock-held',
      hint: expect.stringContaining('remove that file'),
    })
    expect(readFileSync(path, 'utf8')).toBe('x')
  })

  it('that a person removed and another process took is not released by its first owner', async () => {
    const path = lockPath()
    const first = await acquireLock(path)
    const { rmSync } = await import('node:fs')
    rmSync(path)
    const other = await holder(path)
    await first.release()
    expect(parseOwner(readlinkSync(path))?.pid).toBe(other.pid)
  })

  it('never has two holders: 8 processes with 25 rounds each, a fifth of which die while they hold it', async () => {
    const path = lockPath()
    const file = `${path}.notes`
    writeFileSync(file, '')
    const worker = async (): Promise<void> => {
      for (let left = 4; left > 0; left--) {
        const args = [fixture('lock-worker.mjs'), path, file, '25', 'deadly']
        const { signal } = await run(process.execPath, args, { limitMs: 60_000 })
        if (signal === undefined) return
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    expect(lines.length).toBeGreaterThan(50)
    for (let at = 0; at < lines.length; at += 2) {
      expect(lines[at]).toMatch(/^\+/)
      expect(lines[at + 1]).toBe(lines[at]?.replace('+', '-'))
    }
    expect(await owned(path)).toBe('free again')
  }, 120_000)

  it('has an owner that is parsed as it was formatted, and any text is parsed without an error', () => {
    const text = fc.string({ unit: 'binary' }).filter((one) => one !== '')
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_999_999 }),
        text,
        text,
        text,
        text,
        (pid, token, boot, namespace, host) => {
          const owner = { pid, token, boot, namespace, host }
          expect(parseOwner(formatOwner(owner, 'ab'))).toEqual(owner)
          expect(parseOwner(host)).toBeUndefined()
        },
      ),
    )
    expect(parseOwner('pid=1,token=%,boot=b,ns=n,host=h,id=a')).toBeUndefined()
  })
})
