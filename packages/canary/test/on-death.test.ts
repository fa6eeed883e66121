import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rotateLog } from '@iapeer/core/storage'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { type Death, IapeerError, type OnDeathOptions, onDeath, readDeaths } from '../src/index.ts'
import { deathOf, roots, watched } from './support.ts'

const newRoot = roots()

/** Returns a line in the form that recorders write. */
const lineOf = (at: number, ts = `2026-06-10T15:42:07.${String(at % 1000).padStart(3, '0')}Z`): string =>
  `ts=${ts} ev=server-exit identity=claude-bob gen=${String(at).padStart(16, '0')} server_pid=801 server_start=1 wait_rc=137 cause=killed signal=SIGKILL mode=guard recorder=guard forensics=/d/claude-bob-${at}.txt\n`

/** A record directory with a log and followers. */
function newLog() {
  const root = newRoot()
  mkdirSync(root.recordDir, { recursive: true })
  const log = join(root.recordDir, 'exits.log')
  const follow = (options: Partial<OnDeathOptions> = {}, fail?: (death: Death) => unknown) => {
    const abort = new AbortController()
    const ids: string[] = []
    const done = onDeath({ recordDir: root.recordDir, signal: abort.signal, ...options }, (death) => {
      ids.push(death.gen.replace(/^0+(?=\d)/, ''))
      return fail?.(death)
    })
    root.track(async () => {
      abort.abort()
      await done
    })
    return { ids, abort, done }
  }
  const add = (...ats: number[]): void => appendFileSync(log, ats.map((at) => lineOf(at)).join(''))
  return { root, log, follow, add }
}

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_none, at) => String(from + at))

describe('readDeaths', () => {
  it('returns the record of a real death', async () => {
    const bob = await watched(newRoot())
    expect(readDeaths(bob)).toEqual([])
    const before = new Date()
    bob.server.kill('SIGKILL')
    const line = await deathOf(bob)
    expect(readDeaths(bob)).toEqual([
      {
        id: `claude-bob-${bob.gen}`,
        ts: line['ts'],
        seenAlive: undefined,
        event: 'server-exit',
        identity: 'claude-bob',
        gen: bob.gen,
        cause: 'server-vanished',
        mode: 'watch',
        signal: undefined,
        status: 1,
        pid: bob.server.pid,
        snapshotPath: line['forensics'],
      },
    ])
    expect(readDeaths({ ...bob, since: before })).toHaveLength(1)
    expect(readDeaths({ ...bob, since: new Date() })).toEqual([])
  })

  it('reads rotated files, the newest death last, and skips torn, partial and unknown lines', () => {
    const { root, log } = newLog()
    const session =
      'ts=2026-06-10T15:42:09.000Z ev=session-exit identity=command-bob gen=000000000000000f dead_status=0 dead_signal= leader_pid=7 forensics= recorder=hook\n'
    const whole = lineOf(3)
    writeFileSync(`${log}.2`, lineOf(1))
    writeFileSync(`${log}.1`, `${lineOf(2).slice(0, 90)}${whole}not a line\n${whole}`)
    writeFileSync(log, `${session}${lineOf(2)}${lineOf(4).slice(0, -8)}`)
    const deaths = readDeaths({ recordDir: root.recordDir })
    expect(deaths.map(({ gen }) => Number.parseInt(gen, 16))).toEqual([1, 2, 3, 15])
    expect(deaths.at(-1)).toMatchObject({ event: 'session-exit', status: 0, pid: 7, snapshotPath: undefined })
    for (let cut = 0; cut < whole.length - 1; cut++) {
      writeFileSync(log, whole.slice(0, cut))
      writeFileSync(`${log}.1`, '')
      const found = readDeaths({ recordDir: root.recordDir }).filter(({ gen }) => gen.endsWith('3'))
      expect(found, whole.slice(0, cut)).toEqual([])
    }
    expect(readDeaths({ recordDir: join(root.path, 'none') })).toEqual([])
    expect(() => readDeaths({ recordDir: '' })).toThrow(IapeerError)
  })
})

describe('onDeath', () => {
  it('reports a real death within moments, and stops with the signal', async () => {
    const bob = await watched(newRoot())
    const abort = new AbortController()
    const deaths: Death[] = []
    const done = onDeath({ recordDir: bob.recordDir, signal: abort.signal }, (death) => deaths.push(death))
    bob.server.kill('SIGKILL')
    await until('the death', () => deaths.length > 0)
    expect(deaths).toMatchObject([{ identity: 'claude-bob', pid: bob.server.pid, cause: 'server-vanished' }])
    abort.abort()
    await done
    await deathOf(bob)
    await onDeath({ recordDir: bob.recordDir, signal: AbortSignal.abort(), since: new Date(0) }, () => {
      throw new Error('it was aborted before')
    })
  })

  it('reports each of 50 simultaneous deaths once to two followers, with a rotation in between', async () => {
    const { log, follow, add } = newLog()
    add(1, 2)
    const [one, two] = [follow(), follow({ since: new Date(0) })]
    for (let at = 3; at < 53; at++) {
      add(at)
      if (at % 17 === 0) expect(await rotateLog(log, { maxBytes: 1 })).toBe(true)
      if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until('all of them', () => one.ids.length >= 50 && two.ids.length >= 52)
    expect(one.ids).toEqual(range(3, 53))
    expect(two.ids).toEqual(range(1, 53))
    one.abort.abort()
    await one.done
    add(60)
    await until('the next one', () => two.ids.length === 53)
    expect(one.ids).toHaveLength(50)
  })

  it('reports each of several real servers that are killed at once, once', async () => {
    const { root, follow } = newLog()
    const { ids } = follow()
    const many = await Promise.all(
      Array.from({ length: 5 }, (_none, at) =>
        watched(root, { identity: `claude-b${at}`, socketPath: root.socket(`s${at}`) }),
      ),
    )
    for (const { server } of many) server.kill('SIGKILL')
    await until('all of them', () => ids.length >= many.length)
    expect(ids.toSorted()).toEqual(many.map(({ gen }) => gen.replace(/^0+(?=\d)/, '')).toSorted())
    await Promise.all(many.map((one) => deathOf(one)))
  })

  it('sees a line that is completed later, a line that is appended to a rotated file, and a directory that is created later', async () => {
    const { root, log, follow, add } = newLog()
    renameSync(root.recordDir, `${root.recordDir}-later`)
    const { ids } = follow()
    renameSync(`${root.recordDir}-later`, root.recordDir)
    appendFileSync(log, lineOf(1).slice(0, 100))
    add(9)
    await until('the whole one', () => ids.length > 0)
    expect(ids).toEqual(['9'])
    await rotateLog(log, { maxBytes: 1 })
    add(2)
    await until('the one in the new file', () => ids.length > 1)
    appendFileSync(`${log}.1`, lineOf(3))
    await until('the late one', () => ids.length > 2)
    expect(ids).toEqual(['9', '2', '3'])
  })

  it('goes on when a listener throws or rejects, and reports the error', async () => {
    const { follow, add } = newLog()
    const errors: string[] = []
    const onError = (error: unknown, death: Death): void => {
      errors.push(`${death.gen.slice(-1)} ${String(error)}`)
    }
    const { ids } = follow({ onError }, ({ gen }) => {
      if (gen.endsWith('1')) throw new Error('thrown')
      return gen.endsWith('2') ? Promise.reject(new Error('rejected')) : undefined
    })
    add(1, 2, 3)
    await until('all of them', () => ids.length === 3)
    await until('the errors', () => errors.length === 2)
    expect(errors).toEqual(['1 Error: thrown', '2 Error: rejected'])
    const warned = new Promise((resolve) => process.once('warning', resolve))
    follow({ since: new Date(0) }, ({ gen }) => {
      if (gen.endsWith('3')) throw new Error('by default a warning')
    })
    expect(await warned).toMatchObject({ message: 'by default a warning' })
  })
})
