import { join } from 'node:path'
import { asyncCleanups, privateDirectory, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { runDaemon } from '../src/daemon.ts'
import type { RunProgram } from '../src/sd-notify.ts'
import { NotingSupervisor, testOptions } from './memory-fleet.ts'

const track = asyncCleanups()

function newRoot(): string {
  const directory = privateDirectory()
  track(directory.remove)
  return join(directory.path, 'root')
}

/** Stands for `systemd-notify`: what it was called with. */
function notingRunner(exitCode = 0): { readonly calls: unknown[]; readonly run: RunProgram } {
  const calls: unknown[] = []
  const run: RunProgram = async (argv, { env }) => {
    calls.push([...argv, env['NOTIFY_SOCKET']])
    return { exitCode }
  }
  return { calls, run }
}

describe('the service manager', () => {
  it('is told when the daemon is up, while it sweeps, and when it ends', async () => {
    const { calls, run } = notingRunner()
    const supervisor = new NotingSupervisor()
    const env = { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '40000' }
    const daemon = await runDaemon({
      ...testOptions(newRoot()),
      env,
      runProgram: run,
      supervisor: () => supervisor,
    })
    expect(calls).toEqual([['systemd-notify', 'READY=1', '/s']])
    await until('two signs of life', () => calls.length >= 3)
    expect(calls.slice(1, 3)).toEqual(Array(2).fill(['systemd-notify', 'WATCHDOG=1', '/s']))
    await daemon.stop('a test')
    expect(calls.at(-1)).toEqual(['systemd-notify', 'STOPPING=1', '/s'])
  })

  it('that is not there, or cannot be told, keeps nothing up', async () => {
    const { calls, run } = notingRunner(1)
    const quiet = await runDaemon({ ...testOptions(newRoot()), runProgram: run })
    await quiet.stop('a test')
    expect(calls).toEqual([])
    const failing = async () => {
      throw new Error('no such program')
    }
    for (const runProgram of [run, failing]) {
      const daemon = await runDaemon({
        ...testOptions(newRoot()),
        env: { NOTIFY_SOCKET: '/s' },
        runProgram,
      })
      await daemon.stop('a test')
    }
  })

  it('a watchdog that is meant for another process is left alone', async () => {
    const { calls, run } = notingRunner()
    const env = { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }
    const daemon = await runDaemon({ ...testOptions(newRoot()), env, runProgram: run })
    await daemon.stop('a test')
    expect(calls.map(String)).toEqual(['systemd-notify,READY=1,/s', 'systemd-notify,STOPPING=1,/s'])
  })
})
