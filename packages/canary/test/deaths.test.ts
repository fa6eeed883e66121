import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { ensureCanary, reconcile } from '../src/index.ts'
import {
  claimOf,
  deathOf,
  exits,
  killRecorder,
  lifecycle,
  recordOf,
  roots,
  statusOf,
  watched,
} from './support.ts'

const newRoot = roots()

describe('a watched server that dies is recorded once, with the cause that its client saw', () => {
  it.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)('%s to the server', async (signal) => {
    const bob = await watched(newRoot())
    bob.server.kill(signal)
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', mode: 'watch', wait_rc: '1' })
  })

  it('SIGTERM to the server', async () => {
    const bob = await watched(newRoot())
    bob.server.kill('SIGTERM')
    expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone', wait_rc: '0' })
  })

  it('kill-server by another process', async () => {
    const bob = await watched(newRoot())
    await bob.server.tmux('kill-server')
    expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone', wait_rc: '0' })
  })

  it('the last session closes by itself', async () => {
    const bob = await watched(newRoot())
    const { stdout } = await bob.server.tmux('list-panes', '-F', '#{pane_pid}')
    process.kill(Number(stdout), 'SIGTERM')
    // Some builds of tmux miss a SIGCHLD; a second one makes them look again.
    await until('the end of the server', () => {
      bob.server.kill('SIGCHLD')
      return !bob.server.alive()
    })
    expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone', wait_rc: '0' })
  })

  it('server and client killed together', async () => {
    const bob = await watched(newRoot())
    const client = recordOf(bob)?.client?.pid ?? 0
    process.kill(client, 'SIGKILL')
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'client-killed-server-gone', wait_rc: '137' })
  })

  it('a stopped server (SIGSTOP) is recorded only when it is killed', async () => {
    const bob = await watched(newRoot())
    await bob.server.stop()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(claimOf(bob)).toBeUndefined()
    const again = await ensureCanary({
      identity: bob.identity,
      socketPath: bob.server.socketPath,
      recordDir: bob.recordDir,
    })
    expect(again.state).toBe('already')
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })

  it.runIf(isFullCampaign())(
    'an unresponsive server is recorded when it dies 6 s later, and not before',
    async () => {
      const bob = await watched(newRoot())
      // A foreground job delays the exiting server: it closes every connection while its process is still running.
      void bob.server.tmux('run-shell', 'sleep 6')
      await new Promise((resolve) => setTimeout(resolve, 200))
      await bob.server.tmux('kill-server')
      const turnedAway = performance.now()
      while (performance.now() - turnedAway < 4_500) {
        expect(bob.server.alive()).toBe(true)
        expect(claimOf(bob)).toBeUndefined()
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      await bob.server.gone()
      expect(await deathOf(bob)).toMatchObject({ cause: 'signaled-server-gone' })
    },
  )
})

describe('only the original server counts', () => {
  it('the death of a predecessor is recorded although its successor uses the same socket', async () => {
    const root = newRoot()
    const bob = await watched(root)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    const successor = await root.server(bob.server.socketPath)
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
    const armed = await ensureCanary({
      identity: bob.identity,
      socketPath: bob.server.socketPath,
      recordDir: bob.recordDir,
    })
    expect(armed).toMatchObject({ state: 'spawned', serverPid: successor.pid })
    expect(exits(root.recordDir)).toHaveLength(1)
    expect(successor.alive()).toBe(true)
  })

  it('a zombie server is dead', async () => {
    const root = newRoot()
    // Its parent here is a `sh` that never waits, so the dead server stays a zombie.
    const { spawn } = await import('node:child_process')
    const socketPath = root.socket('z')
    const script = 'tmux -D -S "$1" -f /dev/null </dev/null & exec sleep 1000'
    const parent = spawn('sh', ['-c', script, 'sh', socketPath], { stdio: 'ignore' })
    root.track(() => parent.kill('SIGKILL'))
    const { run } = await import('@iapeer/dev/testing')
    const ask = async () =>
      Number((await run('tmux', ['-S', socketPath, 'display-message', '-p', '#{pid}'])).stdout)
    const pid = await until('the server to answer', async () => (await ask()) || undefined)
    const armed = await ensureCanary({ identity: 'claude-zoe', socketPath, recordDir: root.recordDir })
    expect(armed).toMatchObject({ state: 'spawned', serverPid: pid })
    process.kill(pid, 'SIGKILL')
    const [line] = await until('the record', () =>
      exits(root.recordDir).length > 0 ? exits(root.recordDir) : undefined,
    )
    expect(line).toMatchObject({ identity: 'claude-zoe', cause: 'server-vanished' })
    expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) Z /)
  })

  it('an identity that is a prefix of another is not mixed up with it', async () => {
    const root = newRoot()
    const short = await watched(root, { identity: 'claude-bob', socketPath: root.socket('a') })
    const long = await watched(root, { identity: 'claude-bob-2', socketPath: root.socket('b') })
    short.server.kill('SIGKILL')
    await deathOf(short)
    expect(claimOf(long)).toBeUndefined()
    expect(await statusOf(long)).toMatchObject({ state: 'armed', serverPid: long.server.pid })
    long.server.kill('SIGKILL')
    await deathOf(long)
    expect(exits(root.recordDir).map((line) => line['identity'])).toEqual(['claude-bob', 'claude-bob-2'])
  })

  it('two roots with the same identity each record their own server', async () => {
    const [one, two] = [await watched(newRoot()), await watched(newRoot())]
    one.server.kill('SIGKILL')
    await deathOf(one)
    expect(exits(two.recordDir)).toEqual([])
    two.server.kill('SIGTERM')
    expect(await deathOf(two)).toMatchObject({ cause: 'signaled-server-gone' })
  })

  it('one server watched from two roots is recorded in both', async () => {
    const [one, other] = [await watched(newRoot()), newRoot()]
    const armed = await ensureCanary({
      identity: one.identity,
      socketPath: one.server.socketPath,
      recordDir: other.recordDir,
    })
    expect(armed.state).toBe('spawned')
    one.server.kill('SIGKILL')
    await deathOf(one)
    await deathOf({ ...one, recordDir: other.recordDir })
  })
})

describe('while the original server runs, the recorder keeps watching', () => {
  it('the recorder replaces a killed client without a record, and records a real death right after', async () => {
    const bob = await watched(newRoot())
    const before = recordOf(bob)?.client?.pid ?? 0
    process.kill(before, 'SIGKILL')
    const after = await until('a new client', () => {
      const client = recordOf(bob)?.client?.pid
      return client !== undefined && client !== before ? client : undefined
    })
    expect(after).not.toBe(before)
    expect(claimOf(bob)).toBeUndefined()
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })

  it.each(['SIGTERM', 'SIGHUP'] as const)(
    '%s to the client ends it with 0; the watch goes on',
    async (signal) => {
      const bob = await watched(newRoot())
      const before = recordOf(bob)?.client?.pid ?? 0
      process.kill(before, signal)
      await until('a new client', () => recordOf(bob)?.client?.pid !== before)
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(claimOf(bob)).toBeUndefined()
      bob.server.kill('SIGKILL')
      await deathOf(bob)
    },
  )

  it('a stopped client delays a record at most until the next reconcile', async () => {
    const bob = await watched(newRoot())
    process.kill(recordOf(bob)?.client?.pid ?? 0, 'SIGSTOP')
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'settled' }])
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })

  it('the lost recorder of an unresponsive server is replaced by one that polls, and the death is recorded', async () => {
    const bob = await watched(newRoot())
    await killRecorder(bob)
    // This tmux makes the server unresponsive between its answer and the new client.
    const tmux = join(bob.root.path, 'tmux')
    const script =
      '#!/bin/sh\ncase "$*" in *wait-for*) exec tmux -S /nowhere/s list-sessions ;; *) exec tmux "$@" ;; esac\n'
    writeFileSync(tmux, script, { mode: 0o755 })
    const armed = await ensureCanary({ ...bob, socketPath: bob.server.socketPath, tmux })
    expect(armed).toMatchObject({ state: 'spawned', gen: bob.gen })
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })

  it('the recorder ignores TERM, HUP and INT', async () => {
    const bob = await watched(newRoot())
    const recorder = recordOf(bob)?.recorder.pid ?? 0
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.kill(recorder, signal)
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })

  it('a latched signal of the channel is consumed: afterwards the watch works and does not spin', async () => {
    const bob = await watched(newRoot())
    const channel = 'iap-canary-claude-bob'
    // The first wakes the client; the second latches while no client waits, and the next client gets it.
    for (let round = 0; round < 3; round++) await bob.server.tmux('wait-for', '-S', channel)
    await until('the log to say so', () =>
      lifecycle(bob.recordDir).some((line) => line['state'] === 'rearmed'),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const client = recordOf(bob)?.client?.pid
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(recordOf(bob)?.client?.pid).toBe(client)
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })

  it('a channel that is signalled all the time costs a bounded number of clients, and the death is still recorded', async () => {
    const bob = await watched(newRoot())
    const end = performance.now() + 2_000
    while (performance.now() < end) await bob.server.tmux('wait-for', '-S', 'iap-canary-claude-bob')
    expect(lifecycle(bob.recordDir).filter((line) => line['state'] === 'rearmed').length).toBeLessThan(12)
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })
})
