import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { completeIntent, declareIntent, reconcile } from '@iapeer/canary'
import { recordLayout } from '@iapeer/core/paths'
import { readBoot } from '@iapeer/core/process'
import { type OldRecorder, startOldGuard, startOldLeader, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { finishLeader, healLostChild, restoreExitHooks, TmuxServer } from '../src/index.ts'
import { exitLines, type Launched, launches, reportedSignal } from './support.ts'

const { launch, newDirectory, track } = launches()
const SLEEP = ['sleep', '1000']

const libOf = (peer: Launched): string => recordLayout(peer).libDir

/**
 * Kills the leader, and waits until tmux has noticed: the end of its output, which makes the pane dead, and its exit, of which tmux
 * before 3.3 keeps no time.
 * @returns when, in milliseconds since the epoch
 */
async function killLeader(peer: Launched): Promise<number> {
  process.kill(peer.leader.pid, 'SIGKILL')
  const at = Date.now()
  await until('tmux to know that it is dead', async () => {
    await healLostChild(peer.handle.process, peer.leader.pid)
    const panes = await peer.handle.run(['list-panes', '-a', '-F', '#{pane_dead} #{pane_dead_time}'])
    return (reportedSignal('SIGKILL') === '' ? /^1/ : /^1 [1-9]/).test(panes.stdout)
  })
  return at
}

describe('a cleaner has removed the scripts of running recorders', () => {
  it('and the leader is killed: the next check writes them again and records the exit with its time', async () => {
    const peer = await launch(SLEEP)
    rmSync(libOf(peer), { recursive: true })
    const killedAt = await killLeader(peer)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(peer.deaths()).toEqual([])
    expect(await peer.finish(100)).toBe(true)
    const [death, ...more] = await peer.settled()
    expect(more).toEqual([])
    expect(death).toMatchObject({ ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') })
    expect(Math.abs(Date.parse(death?.['ts'] ?? '') - killedAt)).toBeLessThan(1_500)
    expect(readFileSync(death?.['forensics'] ?? '', 'utf8')).toMatch(/\n--- end\n$/)
  })

  it('or only some of them: they are written again before a death, and the hook records it itself', async () => {
    const peer = await launch(SLEEP)
    for (const name of readdirSync(libOf(peer)))
      rmSync(join(libOf(peer), name, name.startsWith('hook-') ? 'exit-hook.sh' : 'library.sh'))
    await restoreExitHooks(peer)
    process.kill(peer.leader.pid, 'SIGKILL')
    await until('the record', async () => {
      await healLostChild(peer.handle.process, peer.leader.pid)
      return peer.deaths().length > 0
    })
    expect(await peer.settled()).toMatchObject([{ dead_signal: reportedSignal('SIGKILL') }])
  })

  it('and the server is killed: its guard records it without them', async () => {
    const peer = await launch(SLEEP)
    rmSync(libOf(peer), { recursive: true })
    peer.server.kill('SIGKILL')
    expect(await peer.settled()).toMatchObject([{ ev: 'server-exit', signal: 'SIGKILL', mode: 'guard' }])
  })

  it('and the server is killed while a killed hook was recording: the record is completed', async () => {
    const peer = await launch(SLEEP)
    const deaths = recordLayout(peer).deathsDir
    rmSync(libOf(peer), { recursive: true })
    writeFileSync(
      join(deaths, `${peer.identity}-${peer.gen}.claim`),
      `rc=k11,ev=session,rec=4194300:1,ts=${Date.now()}\n`,
    )
    peer.server.kill('SIGKILL')
    await until(
      'the record to be complete',
      async () => {
        await restoreExitHooks(peer)
        await reconcile(peer)
        return peer.states().length === 0
      },
      20_000,
    )
    expect(peer.deaths()).toMatchObject([{ ev: 'session-exit', dead_signal: 'SIGSEGV' }])
  })

  it('and the peer is stopped on purpose: nothing is recorded', async () => {
    const peer = await launch(SLEEP)
    rmSync(libOf(peer), { recursive: true })
    await declareIntent(peer.target)
    await killLeader(peer)
    await peer.finish(100)
    await peer.server.end()
    await completeIntent(peer.target)
    expect(await peer.settled()).toEqual([])
  })

  it('of another version with the same files: the present ones take their place', async () => {
    const peer = await launch(SLEEP)
    const { libDir, canaryDir } = recordLayout(peer)
    const state = join(canaryDir, `${peer.identity}-${peer.gen}`)
    const other = join(libDir, '0123456789abcdef')
    writeFileSync(state, readFileSync(state, 'utf8').replace(/^lib=.*$/m, `lib=${other}`))
    rmSync(`${state}.hook`)
    symlinkSync(join(libDir, 'hook-0123456789abcdef', 'exit-hook.sh'), `${state}.hook`)
    rmSync(libDir, { recursive: true })
    await killLeader(peer)
    expect(await peer.finish(100)).toBe(true)
    expect(await peer.settled()).toMatchObject([
      { ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') },
    ])
    expect(existsSync(join(other, 'witness.sh'))).toBe(true)
  })

  it('of an earlier version: the present ones take their place', async () => {
    const directory = newDirectory()
    const recordDir = join(directory, 'rec')
    const { stateDir, libDir } = recordLayout({ recordDir })
    const location = { identity: 'command-bob', gen: '00000000000000c3', recordDir, stateDir, libDir }
    const old: OldRecorder = await startOldGuard({
      ...location,
      socketPath: join(directory, 's'),
      boot: await readBoot(),
    })
    track(() => until('the guard to finish', () => !existsSync(old.statePath), 20_000))
    track(old.server.end)
    const leader = await startOldLeader(old, SLEEP)
    rmSync(libDir, { recursive: true })
    process.kill(leader.pid, 'SIGKILL')
    const handle = new TmuxServer({ socketPath: old.socketPath, process: old.server.id })
    const target = { ...location, pid: leader.pid, paneId: leader.paneId }
    await until('the exit to be recorded', async () => {
      await finishLeader(handle, target, { hookMs: 100 })
      return exitLines(recordDir).length > 0
    })
    await old.server.gone()
    // It does not know a claim that is a file, and tries for five minutes to make its own.
    process.kill(old.recorderPid, 'SIGKILL')
    await until(
      'the record to be complete',
      async () => {
        await reconcile({ recordDir })
        return !existsSync(old.statePath)
      },
      20_000,
    )
    expect(exitLines(recordDir)).toMatchObject([
      { ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') },
    ])
  })
})
