import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { reconcile } from '@iapeer/canary'
import { observeProcess } from '@iapeer/core/process'
import {
  isFullCampaign,
  mayMount,
  pidsCgroup,
  run,
  type SmallDisk,
  smallDisk,
  until,
} from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { healLostChild } from '../src/index.ts'
import { type Launched, launches, reportedSignal } from './support.ts'

const { launch, newDirectory, track } = launches()
if (!mayMount)
  process.stderr.write('skipped: running out of inodes needs root on Linux (the tests mount a small tmpfs)\n')

const SLEEP = ['sleep', '1000']
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const msFrom = (at: number, ts: string | undefined): number => Math.abs(Date.parse(ts ?? '') - at)
const stateOf = (peer: Launched): string =>
  join(peer.recordDir, 'state', 'canary', `${peer.identity}-${peer.gen}`)
const noted = (peer: Launched): string => readFileSync(`${stateOf(peer)}.leader-facts`, 'utf8').trim()

/** Launches a peer whose records are on a file system of 500 inodes. */
async function onSmallDisk(): Promise<Launched & Pick<SmallDisk, 'fillInodes'>> {
  const disk = await smallDisk(join(newDirectory(), 'd'))
  track(disk.remove)
  return { ...(await launch(SLEEP, { directory: disk.path })), fillInodes: disk.fillInodes }
}

/** Kills the leader and waits until tmux knows. @returns when, in milliseconds since the epoch */
async function killLeader(peer: Launched): Promise<number> {
  process.kill(peer.leader.pid, 'SIGKILL')
  const at = Date.now()
  await until('the leader to be gone', async () => {
    await healLostChild(peer.handle.process, peer.leader.pid)
    return peer.leader.process === undefined || (await observeProcess(peer.leader.process)) === 'gone'
  })
  return at
}

describe.skipIf(!mayMount)('where no file can be made when a leader exits', () => {
  it.runIf(isFullCampaign())('the session stays, and the record follows with the time of death', async () => {
    const peer = await onSmallDisk()
    const free = peer.fillInodes()
    const killedAt = await killLeader(peer)
    await until('the hook to note it', () => noted(peer).startsWith('rc=k'))
    await wait(3_000)
    expect(peer.server.alive()).toBe(true)
    expect(peer.deaths()).toEqual([])
    free()
    const [death, ...more] = await peer.settled()
    expect(more).toEqual([])
    expect(death).toMatchObject({ ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') })
    expect(death).not.toHaveProperty('seen_alive')
    expect(msFrom(killedAt, death?.['ts'])).toBeLessThan(1_500)
  })

  it.runIf(isFullCampaign())('and the server dies meanwhile: the record is that of the leader', async () => {
    const peer = await onSmallDisk()
    const free = peer.fillInodes()
    const killedAt = await killLeader(peer)
    await until('the hook to note it', () => noted(peer).startsWith('rc=k'))
    await wait(2_000)
    peer.server.kill('SIGKILL')
    await peer.server.gone()
    await wait(1_500)
    free()
    await until(
      'the record to be complete',
      async () => {
        await reconcile({ recordDir: peer.recordDir })
        return peer.states().length === 0
      },
      30_000,
    )
    const deaths = peer.deaths()
    expect(deaths).toHaveLength(1)
    expect(deaths[0]).toMatchObject({ ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') })
    expect(msFrom(killedAt, deaths[0]?.['ts'])).toBeLessThan(1_500)
  })

  it('and the hook is killed as well: the next check records what the hook had noted', async () => {
    const peer = await onSmallDisk()
    const free = peer.fillInodes()
    const killedAt = await killLeader(peer)
    await until('the hook to note it', () => noted(peer).startsWith('rc=k'))
    const hook = Number(/rec=(\d+):/.exec(noted(peer))?.[1])
    process.kill(hook, 'SIGKILL')
    await until('the hook to be gone', () => !existsSync(`/proc/${hook}`))
    await wait(2_000)
    free()
    expect(await peer.finish(100)).toBe(true)
    const [death, ...more] = await peer.settled()
    expect(more).toEqual([])
    expect(death).toMatchObject({ ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') })
    expect(msFrom(killedAt, death?.['ts'])).toBeLessThan(1_500)
  })
})

describe('if tmux could not start the hook', () => {
  it.runIf(isFullCampaign())(
    'because of a process limit: a check much later records the time at which tmux noticed the exit',
    async (test) => {
      const cgroup = pidsCgroup()
      if (typeof cgroup === 'string') return test.skip(cgroup)
      track(cgroup.remove)
      const peer = await launch(SLEEP)
      cgroup.add(peer.server.pid)
      cgroup.deny()
      const killedAt = await killLeader(peer)
      await wait(3_500)
      writeFileSync(`${stateOf(peer)}.seen`, `${killedAt - 60_000}\n`)
      expect(await peer.finish(100)).toBe(true)
      const [death, ...more] = await peer.settled()
      expect(more).toEqual([])
      expect(death).toMatchObject({ ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') })
      expect(death).not.toHaveProperty('seen_alive')
      expect(msFrom(killedAt, death?.['ts'])).toBeLessThan(2_000)
    },
  )

  it.runIf(isFullCampaign())(
    'because it had no file descriptor left: the next check records it once tmux answers',
    async (test) => {
      const peer = await launch(SLEEP)
      const { pid } = peer.server
      const limit = (nofile: string) => run('prlimit', [`--pid=${pid}`, `--nofile=${nofile}:`])
      // 10 descriptors are fewer than it has open: it gets no other one.
      if ((await limit('10')).exitCode !== 0) return test.skip('prlimit cannot lower the limit of a process')
      const killedAt = await killLeader(peer)
      await wait(2_000)
      expect(await peer.finish(100)).toBe(false)
      expect(peer.deaths()).toEqual([])
      expect(peer.server.alive()).toBe(true)
      await limit('1000')
      await until('the exit to be recorded', async () => {
        await peer.finish(100)
        return peer.deaths().length > 0
      })
      const [death, ...more] = await peer.settled()
      expect(more).toEqual([])
      expect(death).toMatchObject({ ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') })
      expect(msFrom(killedAt, death?.['ts'])).toBeLessThan(3_000)
    },
  )
})

describe('a leader that was removed from its pane', () => {
  it('died when the command was witnessed, however late it is noticed', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
    writeFileSync(`${stateOf(peer)}.seen`, `${Date.now() - 60_000}\n`)
    await peer.server.tmux('kill-pane', '-t', peer.leader.paneId)
    const killedAt = Date.now()
    await wait(3_000)
    await peer.finish(100)
    const [death, ...more] = peer.deaths()
    expect(more).toEqual([])
    expect(death).toMatchObject({ cause: 'leader-removed' })
    expect(death).not.toHaveProperty('seen_alive')
    expect(msFrom(killedAt, death?.['ts'])).toBeLessThan(1_500)
  })

  it('without a witness: it died between the time when it was last seen running and the check', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
    await peer.server.tmux('set-environment', '-gh', 'IAPEER_WITNESS', '/-')
    const seenMs = Date.now() - 60_000
    writeFileSync(`${stateOf(peer)}.seen`, `${seenMs}\n`)
    await peer.server.tmux('kill-pane', '-t', peer.leader.paneId)
    await wait(1_500)
    const checkedAt = Date.now()
    await peer.finish(100)
    const [death] = peer.deaths()
    expect(death).toMatchObject({
      cause: 'leader-removed',
      seen_alive: new Date(seenMs).toISOString(),
    })
    expect(Date.parse(death?.['ts'] ?? '')).toBeGreaterThanOrEqual(checkedAt - 1_000)
  })
})
