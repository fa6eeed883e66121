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

/** Returns a replacement for `systemd-notify` and the calls that it received. */
function notingRunner(exitCode = 0): { readonly calls: unknown[]; readonly run: RunProgram } {
  const calls: unknown[] = []
  const run: RunProgram = async (argv, { env }) => {
    calls.push([...argv, env['NOTIFY_SOCKET']])
    return { exitCode }
  }
  return { calls, run }
}

describe('the service manager', () => {
  it('is notified when the daemon has started, while it sweeps, and when it stops', async () => {
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
    await until('two watchdog messages', () => calls.length >= 3)
    expect(calls.slice(1, 3)).toEqual(Array(2).fill(['systemd-notify', 'WATCHDOG=1', '/s']))
    await daemon.stop('a test')
    expect(calls.at(-1)).toEqual(['systemd-notify', 'STOPPING=1', '/s'])
  })

  it('that does not exist or cannot be notified does not delay the daemon', async () => {
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

  it('gets no watchdog message if the watchdog is meant for another process', async () => {
    const { calls, run } = notingRunner()
    const env = { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }
    const daemon = await runDaemon({ ...testOptions(newRoot()), env, runProgram: run })
    await daemon.stop('a test')
    expect(calls.map(String)).toEqual(['systemd-notify,READY=1,/s', 'systemd-notify,STOPPING=1,/s'])
  })
})
