import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readLog } from '@iapeer/core/storage'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { ensureCanary, reconcile } from '../src/index.ts'
import { roots } from './support.ts'

const newRoot = roots()
const FULL = 5 * 1024 * 1024

/** Fills a log with old lines up to the size at which it is rotated. */
function fill(path: string): void {
  const line = `ts=2026-06-10T15:42:07Z ev=server-exit identity=tmux-old server_pid=1 wait_rc=0 cause=server-vanished forensics= note=${'x'.repeat(900)}\n`
  appendFileSync(path, line.repeat(Math.ceil(FULL / line.length)))
}

describe('the log of deaths', () => {
  it('is rotated when it is large, and a death in a rotated file is not recorded again', async () => {
    const root = newRoot()
    const server = await root.server()
    const options = { identity: 'claude-bob', recordDir: root.recordDir }
    const armed = await ensureCanary({ ...options, socketPath: server.socketPath })
    expect(armed.state).toBe('spawned')
    server.kill('SIGKILL')
    const log = join(root.recordDir, 'exits.log')
    const snapshots = join(root.recordDir, 'server-deaths')
    const key = armed.state === 'spawned' ? `claude-bob-${armed.gen}` : ''
    const snapshot = join(snapshots, `${key}.txt`)
    await until(
      'the record',
      () => existsSync(snapshot) && readFileSync(snapshot, 'utf8').endsWith('--- end\n'),
    )
    await until('the recorder to finish', () => !existsSync(join(root.recordDir, 'state', 'canary', key)))
    fill(log)
    await reconcile({ recordDir: root.recordDir })
    expect(existsSync(log)).toBe(false)
    expect(statSync(`${log}.1`).size).toBeGreaterThan(FULL)
    // As if the recorder had been killed before the snapshot: completing the claim must find the line in the rotated file.
    rmSync(snapshot)
    await reconcile({ recordDir: root.recordDir })
    await until('the snapshot to be made again', () => existsSync(snapshot))
    expect(readLog(log).match(new RegExp(` gen=${key.slice(-16)} `, 'g'))).toHaveLength(1)
  })

  it('lifecycle.log is rotated at the size that the environment sets', async () => {
    const root = newRoot()
    mkdirSync(root.recordDir, { recursive: true })
    const log = join(root.recordDir, 'lifecycle.log')
    process.env['IAPEER_LIFECYCLE_LOG_MAX_BYTES'] = '300'
    process.env['IAPEER_LIFECYCLE_LOG_KEEP'] = '2'
    try {
      for (let count = 0; count < 12; count++)
        await ensureCanary({
          identity: `claude-bob${count}`,
          socketPath: join(root.path, 'none'),
          recordDir: root.recordDir,
        })
    } finally {
      delete process.env['IAPEER_LIFECYCLE_LOG_MAX_BYTES']
      delete process.env['IAPEER_LIFECYCLE_LOG_KEEP']
    }
    expect(existsSync(`${log}.2`)).toBe(true)
    expect(existsSync(`${log}.3`)).toBe(false)
    expect(readLog(log)).toContain('identity=claude-bob11')
  })
})
