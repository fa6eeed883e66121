import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { campaignCases, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { completeIntent, declareIntent, ensureCanary, reconcile, withdrawIntent } from '../src/index.ts'
import { serverKey } from '../src/records/server-key.ts'
import {
  exits,
  guarded,
  lifecycle,
  type Root,
  recordOf,
  roots,
  settled,
  type Watched,
  watched,
} from './support.ts'

const newRoot = roots()
const stop = { by: 'test', why: 'stop' }

/** Watches the same server under a second identity. */
async function alsoAs(of: Watched, identity: string): Promise<Watched> {
  const { recordDir, server } = of
  const armed = await ensureCanary({ identity, recordDir, socketPath: server.socketPath })
  if (armed.state !== 'spawned') throw new Error(JSON.stringify(armed))
  return { ...of, identity, gen: armed.gen }
}

const both = async (one: Watched, other: Watched): Promise<void> => {
  await settled(one)
  await settled(other)
}

describe.each(
  campaignCases([
    ['a guarded server', guarded],
    ['a watched server', watched],
  ] as const),
)('%s that is watched under a second name', (_what, start) => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('has one death when it is killed by %s', async (signal) => {
    const bob = await start(newRoot())
    const eve = await alsoAs(bob, 'tmux-eve')
    bob.server.kill(signal)
    await both(bob, eve)
    await reconcile(bob)
    const lines = exits(bob.recordDir)
    expect(lines).toHaveLength(1)
    expect([bob.identity, eve.identity]).toContain(lines[0]?.['identity'])
    expect(lifecycle(bob.recordDir)).toContainEqual(expect.objectContaining({ state: 'recorded-elsewhere' }))
  })

  it('has no record under either identity when it is stopped on purpose', async () => {
    const bob = await start(newRoot())
    const eve = await alsoAs(bob, 'tmux-eve')
    await declareIntent({ ...bob, ...stop })
    await bob.server.tmux('kill-server')
    await bob.server.gone()
    await completeIntent(bob)
    await both(bob, eve)
    await reconcile(bob)
    expect(exits(bob.recordDir)).toEqual([])
    expect(readdirSync(join(bob.recordDir, 'server-deaths'))).toEqual([])
  })

  it('has no record either when the second recorder checks long after the stop was completed', async () => {
    const bob = await start(newRoot())
    const eve = await alsoAs(bob, 'tmux-eve')
    const { recorder, client } = recordOf(eve) ?? {}
    process.kill(recorder?.pid ?? 0, 'SIGSTOP')
    await declareIntent({ ...bob, ...stop })
    await bob.server.tmux('kill-server')
    await bob.server.gone()
    await completeIntent(bob)
    await settled(bob)
    process.kill(recorder?.pid ?? 0, 'SIGCONT')
    await settled(eve)
    expect(client).toBeDefined()
    expect(exits(bob.recordDir)).toEqual([])
  })

  it('is recorded when the stop was withdrawn', async () => {
    const bob = await start(newRoot())
    const eve = await alsoAs(bob, 'tmux-eve')
    await declareIntent({ ...bob, ...stop })
    await withdrawIntent(bob)
    bob.server.kill('SIGKILL')
    await both(bob, eve)
    expect(exits(bob.recordDir)).toHaveLength(1)
  })

  it('is not recorded by a recorder that finds the mark of another one, which is written a moment later', async () => {
    const bob = await watched(newRoot())
    const record = recordOf(bob)
    if (record === undefined) throw new Error('no record')
    const mark = join(recordLayout(bob).deathsDir, `${serverKey(record)}.server`)
    writeFileSync(mark, '')
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await new Promise((resolve) => setTimeout(resolve, 150))
    writeFileSync(mark, `tmux-eve-${'0'.repeat(16)} server ${Math.floor(Date.now() / 1_000)}\n`)
    await settled(bob)
    expect(exits(bob.recordDir)).toEqual([])
    expect(lifecycle(bob.recordDir).at(-1)).toMatchObject({ state: 'recorded-elsewhere' })
  })

  it('has one death when the first recorder is killed while it records', async () => {
    const bob = await start(newRoot())
    const eve = await alsoAs(bob, 'tmux-eve')
    for (const one of [bob, eve]) process.kill(recordOf(one)?.recorder.pid ?? 0, 'SIGSTOP')
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGKILL')
    process.kill(recordOf(eve)?.recorder.pid ?? 0, 'SIGCONT')
    await until('both to be settled', async () => {
      await reconcile(bob)
      return !existsSync(join(bob.recordDir, 'state', 'canary', `${bob.identity}-${bob.gen}`))
    })
    await settled(eve)
    expect(exits(bob.recordDir)).toHaveLength(1)
  })
})

describe('intents of dead servers', () => {
  it('are swept, and those of running servers are not', async () => {
    const bob = await watched(newRoot())
    await declareIntent({ ...bob, ...stop })
    const directory = join(bob.recordDir, 'state', 'intent')
    const old = (): void => {
      for (const name of readdirSync(directory)) utimesSync(join(directory, name), 1e9, 1e9)
    }
    old()
    await reconcile(bob)
    expect(readdirSync(directory)).toHaveLength(2)
    await bob.server.tmux('kill-server')
    await bob.server.gone()
    await completeIntent(bob)
    await settled(bob)
    await until('its own intent to be removed', () => readdirSync(directory).length === 1)
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/\.server$/)])
    old()
    await reconcile(bob)
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('the server of a peer', () => {
  /** Sets what the launch of a peer sets in its server. */
  async function peer(root: Root): Promise<Watched> {
    const bob = await guarded(root, { identity: 'command-bob' })
    const state = join(bob.recordDir, 'state', 'canary', `command-bob-${bob.gen}`)
    await bob.server.tmux('set-environment', '-gh', 'IAPEER_HOOK_STATE', state)
    return bob
  }

  it('is not watched under another identity, and its stop leaves no record', async () => {
    const bob = await peer(newRoot())
    const request = { recordDir: bob.recordDir, socketPath: bob.server.socketPath }
    const refused = await ensureCanary({ ...request, identity: 'tmux-default' })
    expect(refused).toMatchObject({
      state: 'failed',
      code: 'is-a-peer',
      reason: expect.stringContaining('the peer command-bob'),
    })
    expect(await ensureCanary({ ...request, identity: 'command-bob' })).toMatchObject({ state: 'already' })
    expect(readdirSync(join(bob.recordDir, 'state', 'canary')).some((name) => name.startsWith('tmux-'))).toBe(
      false,
    )
  })

  it('is not watched from another root', async () => {
    const bob = await peer(newRoot())
    const recordDir = newRoot().recordDir
    const request = { recordDir, socketPath: bob.server.socketPath }
    for (const identity of ['command-bob', 'tmux-default'])
      expect(await ensureCanary({ ...request, identity })).toMatchObject({
        state: 'failed',
        code: 'is-a-peer',
        reason: expect.stringContaining(bob.recordDir),
      })
  })

  it('gets a new recorder under its own identity', async () => {
    const bob = await peer(newRoot())
    process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGKILL')
    await until(
      'the guard to go',
      async () => (await run('kill', ['-0', String(recordOf(bob)?.recorder.pid)])).exitCode !== 0,
    )
    const { identity, recordDir } = bob
    expect(await ensureCanary({ identity, recordDir, socketPath: bob.server.socketPath })).toMatchObject({
      state: 'spawned',
      gen: bob.gen,
    })
    bob.server.kill('SIGKILL')
    await settled(bob)
    expect(exits(recordDir)).toHaveLength(1)
  })
})
