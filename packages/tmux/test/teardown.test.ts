import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { healLostChild, teardown } from '../src/index.ts'
import { type Launched, launches, reportedSignal } from './support.ts'

const { launch, track } = launches()
const sh = (script: string): string[] => ['sh', '-c', script]
const SLEEP = ['sleep', '1000']

async function expectNoRecord(peer: Launched): Promise<void> {
  await peer.server.gone()
  expect(await peer.settled()).toEqual([])
  const deaths = join(peer.recordDir, 'server-deaths')
  expect(existsSync(deaths) ? readdirSync(deaths) : []).toEqual([])
  // The intents are removed after the state, so that a check between the two records nothing.
  await until('the intents to be removed', () => ownIntents(peer).length === 0)
}

/** Returns the intents of this generation; the intent of the server, for other recorders of it, is removed later. */
function ownIntents(peer: Launched): string[] {
  const all = readdirSync(join(peer.recordDir, 'state', 'intent'))
  return all.filter((name) => name.includes(peer.gen))
}

describe('a teardown', () => {
  it('asks the leader to exit, stops session and server, and leaves no record and no socket', async () => {
    const peer = await launch(sh('trap "echo bye > done; exit 5" TERM; while :; do sleep 0.01; done'))
    expect(await teardown(peer.target)).toMatchObject({ state: 'ended', leader: 'asked' })
    await expectNoRecord(peer)
    expect(readFileSync(join(peer.directory, 'done'), 'utf8')).toBe('bye\n')
    expect(existsSync(peer.server.socketPath)).toBe(false)
  })

  it('kills a leader that ignores signals, after the grace', async () => {
    const peer = await launch(sh('trap "" TERM HUP INT; while :; do sleep 0.01; done'))
    const result = await teardown({ ...peer.target, graceMs: 400 })
    expect(result).toMatchObject({ state: 'ended', leader: 'killed' })
    expect(result.ms).toBeGreaterThan(399)
    await expectNoRecord(peer)
  })

  const times = isFullCampaign() ? 40 : 4
  it(`leaves no record ${times} times in a row, whatever the leader does meanwhile`, async () => {
    const commands = [
      SLEEP,
      sh('trap "" TERM; sleep 0.1'),
      sh('sleep 0.02; exit 1'),
      sh('exec bash --norc -i'),
    ]
    let recorded = 0
    for (let round = 0; round < times; round++) {
      const peer = await launch(commands[round % commands.length] ?? SLEEP)
      const { state } = await teardown({ ...peer.target, graceMs: 600 })
      await peer.server.gone()
      const deaths = await peer.settled()
      // A leader that had exited on its own before is recorded.
      if (state === 'already-dead') recorded++
      else expect(deaths.filter((death) => death['ev'] === 'server-exit')).toEqual([])
      expect(deaths.length).toBeLessThanOrEqual(1)
    }
    expect(recorded).toBeLessThan(times / 2)
  }, 120_000)

  it('has no effect a second time', async () => {
    const peer = await launch(SLEEP)
    await teardown(peer.target)
    expect(await teardown(peer.target)).toMatchObject({ leader: 'gone' })
    await expectNoRecord(peer)
  })

  it('asks again if an answer was lost', async () => {
    const peer = await launch(SLEEP)
    const lossy = join(peer.directory, 'lossy-tmux')
    const script = `#!/bin/sh
for word; do
  case $word in
    display-message | list-sessions) [ -e "$0.$word" ] || { : >"$0.$word"; exec tmux "$@" >/dev/null; } ;;
  esac
done
exec tmux "$@"
`
    writeFileSync(lossy, script, { mode: 0o700 })
    await peer.server.tmux('new-session', '-d', '-s', 'mine', 'sleep 1000')
    expect(await teardown({ ...peer.target, tmux: lossy })).toMatchObject({ state: 'session-ended' })
    expect(existsSync(`${lossy}.display-message`) && existsSync(`${lossy}.list-sessions`)).toBe(true)
    expect(peer.server.alive()).toBe(true)
    await peer.server.end()
  })

  it('stops a server that is held by SIGSTOP, within the time limit', async () => {
    const peer = await launch(SLEEP)
    await peer.server.stop()
    const result = await teardown({ ...peer.target, graceMs: 300 })
    expect(result.state).toBe('ended')
    expect(result.ms).toBeLessThan(9_000)
    await expectNoRecord(peer)
  })

  it('does not touch a session of the user, and its server stays watched', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
    expect(await teardown(peer.target)).toMatchObject({ state: 'session-ended' })
    expect((await peer.handle.sessions()).map((one) => one.name)).toEqual(['mine'])
    expect(peer.deaths()).toEqual([])
    peer.server.kill('SIGKILL')
    expect(await peer.settled()).toMatchObject([{ ev: 'server-exit', cause: 'killed' }])
  })

  it('of a server that is already dead does not remove the record of its death', async () => {
    const peer = await launch(SLEEP)
    peer.server.kill('SIGKILL')
    await peer.server.gone()
    expect(await teardown(peer.target)).toMatchObject({ state: 'already-dead' })
    expect(await peer.settled()).toMatchObject([{ ev: 'server-exit', cause: 'killed' }])
  })

  it.runIf(isFullCampaign())(
    'fails if another server uses the socket, and does not touch it even with force',
    async () => {
      const peer = await launch(SLEEP)
      const other = await startServer(join(peer.directory, 'other'))
      track(other.end)
      const target = { ...peer.target, socketPath: other.socketPath }
      await expect(teardown(target)).rejects.toMatchObject({
        code: 'foreign-server',
        message: expect.stringContaining(String(other.pid)),
        hint: expect.stringContaining('--force'),
      })
      expect(peer.server.alive()).toBe(true)
      expect(ownIntents(peer)).toHaveLength(1)
      expect(await teardown({ ...target, force: true, graceMs: 300 })).toMatchObject({ state: 'ended' })
      expect(other.alive()).toBe(true)
      expect(existsSync(other.socketPath)).toBe(true)
      await expectNoRecord(peer)
    },
  )

  it.runIf(isFullCampaign())('that failed does not keep a later death from being recorded', async () => {
    const peer = await launch(SLEEP)
    const other = await startServer(join(peer.directory, 'other'))
    track(other.end)
    await expect(teardown({ ...peer.target, socketPath: other.socketPath })).rejects.toThrow()
    process.kill(peer.leader.pid, 'SIGKILL')
    await until('the record', async () => {
      await healLostChild(peer.handle.process, peer.leader.pid)
      return peer.deaths().length > 0
    })
    expect(await peer.settled()).toMatchObject([
      { ev: 'session-exit', dead_signal: reportedSignal('SIGKILL') },
    ])
  })
})
