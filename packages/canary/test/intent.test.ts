import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  completeIntent,
  declareIntent,
  ensureCanary,
  generationPaths,
  reconcile,
  withdrawIntent,
} from '../src/index.ts'
import {
  claimOf,
  continueProcess,
  deathOf,
  exited,
  exits,
  expectSilence,
  fixturePath,
  guarded,
  lifecycle,
  linesOf,
  recordOf,
  roots,
  startFixture,
  statusOf,
  stopOnPurpose,
  type Watched,
  watched,
} from './support.ts'

const newRoot = roots()
const intentPath = (of: Watched): string => join(of.recordDir, 'state', 'intent', `${of.identity}-${of.gen}`)
const target = (of: Watched) => ({ identity: of.identity, gen: of.gen, recordDir: of.recordDir })
const words = { by: 'test', why: 'teardown' }

describe.each([
  { mode: 'watch', arm: watched, killed: 'server-vanished' },
  { mode: 'guard', arm: guarded, killed: 'killed' },
])('in mode $mode', ({ mode, arm, killed }) => {
  const isRepeated = mode === 'guard' || isFullCampaign()

  describe('a server stopped on purpose leaves no record', () => {
    it('and leaves no process and no state behind', async () => {
      const bob = await arm(newRoot())
      const recorder = recordOf(bob)?.recorder.pid
      await stopOnPurpose(bob)
      await expectSilence(bob)
      await until('the recorder to exit', () => !existsSync(`/proc/${recorder}`))
    })

    it.runIf(isRepeated)('under heavy load', async () => {
      const root = newRoot()
      for (let job = 0; job < 8; job++) {
        const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })
        root.track(() => busy.kill('SIGKILL'))
      }
      const peers = await Promise.all(
        ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
          arm(root, { identity: `claude-${name}`, socketPath: root.socket(name) }),
        ),
      )
      await Promise.all(peers.map(stopOnPurpose))
      for (const peer of peers) await expectSilence(peer)
    })

    it.runIf(isRepeated)('with the recorder stopped (SIGSTOP) for 5 s around it', async () => {
      const bob = await arm(newRoot())
      const recorder = recordOf(bob)?.recorder.pid ?? 0
      process.kill(recorder, 'SIGSTOP')
      await stopOnPurpose(bob)
      await new Promise((resolve) => setTimeout(resolve, 5_000))
      continueProcess(recorder)
      await expectSilence(bob)
    })

    it('when the declarer is killed between the kill and `done`', async () => {
      const bob = await arm(newRoot())
      const declarer = startFixture('declare.mjs', target(bob))
      await linesOf(declarer)('declared')
      await bob.server.tmux('kill-server')
      await bob.server.gone()
      // The recorder has read the intent by now: the declarer was running when the server exited.
      await new Promise((resolve) => setTimeout(resolve, 150))
      declarer.kill('SIGKILL')
      await expectSilence(bob)
      await reconcile(bob)
      await expectSilence(bob)
    })

    it('when the recorder was killed before the teardown', async () => {
      const bob = await arm(newRoot())
      process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGKILL')
      await stopOnPurpose(bob)
      await reconcile(bob)
      await expectSilence(bob)
    })
  })

  describe('a stop that does not happen leaves the watch unchanged', () => {
    it('a failed stop withdraws its intent; a later death is recorded', async () => {
      const bob = await arm(newRoot())
      expect(await declareIntent({ ...target(bob), ...words })).toEqual({ state: 'declared' })
      expect(await withdrawIntent(target(bob))).toEqual({ state: 'withdrawn' })
      expect(await statusOf(bob)).toMatchObject({ state: 'armed' })
      bob.server.kill('SIGTERM')
      await deathOf(bob)
      expect(await withdrawIntent(target(bob))).toEqual({ state: 'none' })
    })

    it('the intent of a declarer that died before the stop is withdrawn; a later death is recorded', async () => {
      const bob = await arm(newRoot())
      const declarer = startFixture('declare.mjs', target(bob))
      await linesOf(declarer)('declared')
      declarer.kill('SIGKILL')
      await exited(declarer)
      bob.server.kill('SIGKILL')
      await deathOf(bob)
      expect(lifecycle(bob.recordDir)).toContainEqual(
        expect.objectContaining({ state: 'intent-withdrawn', reason: 'abandoned' }),
      )
      await until('the intent to be removed', () => !existsSync(intentPath(bob)))
    })

    it('reconcile withdraws an abandoned intent while the server is running', async () => {
      const bob = await arm(newRoot())
      const declarer = startFixture('declare.mjs', target(bob))
      await linesOf(declarer)('declared')
      declarer.kill('SIGKILL')
      await exited(declarer)
      await reconcile(bob)
      expect(readFileSync(intentPath(bob), 'utf8')).toMatch(/^state=withdrawn\n/)
      expect(lifecycle(bob.recordDir)).toContainEqual(
        expect.objectContaining({ ev: 'intent', state: 'withdrawn', reason: 'declarer-gone' }),
      )
    })

    it('an expired intent does not count', async () => {
      const bob = await arm(newRoot())
      await declareIntent({ ...target(bob), ...words, holdMs: 0 })
      await new Promise((resolve) => setTimeout(resolve, 2_100))
      bob.server.kill('SIGKILL')
      await deathOf(bob)
    })

    it('withdrawing an intent after the server died records that death', async () => {
      const bob = await arm(newRoot())
      await declareIntent({ ...target(bob), ...words })
      bob.server.kill('SIGKILL')
      await bob.server.gone()
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(claimOf(bob)).toBeUndefined()
      await withdrawIntent(target(bob))
      expect(await deathOf(bob)).toMatchObject({ cause: killed })
    })
  })

  describe('an intent is too late or names another generation', () => {
    it('for a dead server it is withdrawn, and the death recorded', async () => {
      const bob = await arm(newRoot())
      const recorder = recordOf(bob)?.recorder.pid ?? 0
      process.kill(recorder, 'SIGSTOP')
      bob.server.kill('SIGKILL')
      await bob.server.gone()
      expect(await declareIntent({ ...target(bob), ...words })).toEqual({ state: 'already-dead' })
      expect(await deathOf(bob)).toMatchObject({ cause: killed })
      await until('the intent to be removed', () => !existsSync(intentPath(bob)))
    })

    it('for a server that died with its recorder it is withdrawn, and the death recorded here', async () => {
      const bob = await arm(newRoot())
      process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGKILL')
      bob.server.kill('SIGKILL')
      await bob.server.gone()
      expect(await declareIntent({ ...target(bob), ...words })).toEqual({ state: 'already-dead' })
      expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost', mode: 'none' })
    })

    it('for a recorded death the result is already-dead', async () => {
      const bob = await arm(newRoot())
      bob.server.kill('SIGKILL')
      await deathOf(bob)
      expect(await declareIntent({ ...target(bob), ...words })).toEqual({ state: 'already-dead' })
      expect(exits(bob.recordDir)).toHaveLength(1)
      await until('the intent to be removed', () => !existsSync(intentPath(bob)))
    })

    it('one of an earlier generation does not silence the next', async () => {
      const root = newRoot()
      const first = await arm(root)
      await stopOnPurpose(first)
      await expectSilence(first)
      await declareIntent({ ...target(first), ...words })
      await completeIntent(target(first))
      const second = await arm(root)
      expect(second.gen).not.toBe(first.gen)
      second.server.kill('SIGKILL')
      await deathOf(second)
    })
  })

  describe('several declarers of one generation', () => {
    it('a second one after the first has stopped the server changes nothing', async () => {
      const bob = await arm(newRoot())
      const recorder = recordOf(bob)?.recorder.pid ?? 0
      process.kill(recorder, 'SIGSTOP')
      const first = startFixture('declare.mjs', target(bob))
      bob.root.track(() => first.kill('SIGKILL'))
      await linesOf(first)('declared')
      await bob.server.end()
      expect(await declareIntent({ ...target(bob), ...words })).toEqual({ state: 'declared' })
      expect(await withdrawIntent(target(bob))).toEqual({ state: 'withdrawn' })
      const line = linesOf(first)
      first.stdin?.write('done\n')
      await line('done')
      continueProcess(recorder)
      await expectSilence(bob)
    })

    it.each(['the recorder is running', 'the recorder is dead'])(
      'a second one after `done` changes nothing (%s)',
      async (which) => {
        const bob = await arm(newRoot())
        const recorder = recordOf(bob)?.recorder.pid ?? 0
        process.kill(recorder, which === 'the recorder is running' ? 'SIGSTOP' : 'SIGKILL')
        const first = startFixture('declare.mjs', target(bob))
        bob.root.track(() => first.kill('SIGKILL'))
        const line = linesOf(first)
        await line('declared')
        await bob.server.end()
        first.stdin?.write('done\n')
        await line('done')
        expect(await declareIntent({ ...target(bob), ...words })).toEqual({ state: 'declared' })
        if (which === 'the recorder is running') continueProcess(recorder)
        await completeIntent(target(bob))
        await reconcile(bob)
        await expectSilence(bob)
      },
    )

    it('a withdrawn intent does not affect the other one', async () => {
      const bob = await arm(newRoot())
      const first = startFixture('declare.mjs', target(bob))
      bob.root.track(() => first.kill('SIGKILL'))
      const line = linesOf(first)
      await line('declared')
      await declareIntent({ ...target(bob), ...words })
      first.stdin?.write('withdraw\n')
      await line('withdrawn')
      await bob.server.end()
      expect(await completeIntent(target(bob))).toEqual({ state: 'done' })
      await expectSilence(bob)
    })

    it('reconcile records no death when the declarer dies after it stopped the server', async () => {
      for (let round = 0; round < 3; round++) {
        const bob = await arm(newRoot())
        const declarer = startFixture('declare.mjs', target(bob))
        await linesOf(declarer)('declared')
        await bob.server.end()
        await new Promise((resolve) => setTimeout(resolve, 100))
        const sweeps = Promise.all(
          [0, 10, 20, 30].map((ms) =>
            new Promise((resolve) => setTimeout(resolve, ms)).then(() => reconcile(bob)),
          ),
        )
        await new Promise((resolve) => setTimeout(resolve, 15))
        declarer.kill('SIGKILL')
        await sweeps
        await expectSilence(bob)
      }
    })

    it.runIf(isFullCampaign())('sweeping abandoned intents never removes a new one', async () => {
      const bob = await arm(newRoot())
      const declarer = startFixture('declare.mjs', target(bob))
      await linesOf(declarer)('declared')
      declarer.kill('SIGKILL')
      await exited(declarer)
      for (let round = 0; round < 20; round++) {
        const [declared] = await Promise.all([declareIntent({ ...target(bob), ...words }), reconcile(bob)])
        expect(declared.state).toBe('declared')
        expect(await withdrawIntent(target(bob))).toEqual({ state: 'withdrawn' })
      }
    })

    it('no intent can be completed while the server is running', async () => {
      const bob = await arm(newRoot())
      await declareIntent({ ...target(bob), ...words })
      expect(await completeIntent(target(bob))).toEqual({ state: 'server-alive' })
      await withdrawIntent(target(bob))
      bob.server.kill('SIGKILL')
      await deathOf(bob)
    })

    it.runIf(isFullCampaign())(
      'a program can stop the server that it runs in without a record, although its pane hangs up',
      async () => {
        const root = newRoot()
        for (let round = 0; round < 5; round++) {
          const bob = await arm(root, { identity: `claude-b${round}`, socketPath: root.socket(`s${round}`) })
          const request = JSON.stringify({ ...target(bob), socketPath: bob.server.socketPath })
          await bob.server.tmux(
            'new-window',
            '-d',
            process.execPath,
            fixturePath('stop-own-server.mjs'),
            request,
          )
          await bob.server.gone()
          await expectSilence(bob)
        }
      },
    )
  })

  describe('what is written', () => {
    it('is KEY=VALUE lines with the keys of the contract; a text cannot add a line', async () => {
      const bob = await arm(newRoot())
      await declareIntent({ ...target(bob), by: 'a\nstate=done', why: 'b\r\n=' })
      const lines = readFileSync(intentPath(bob), 'utf8').trimEnd().split('\n')
      expect(lines.map((line) => line.split('=')[0])).toEqual([
        'state',
        'declarer',
        'until',
        'by',
        'why',
        'ts',
      ])
      expect(lines[0]).toBe('state=pending')
      process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGSTOP')
      await bob.server.end()
      await completeIntent(target(bob))
      expect(readFileSync(intentPath(bob), 'utf8')).toMatch(/^state=done\n/)
      continueProcess(recordOf(bob)?.recorder.pid ?? 1)
      await expectSilence(bob)
    })

    it('rejects an invalid generation', async () => {
      const bob = await arm(newRoot())
      await expect(declareIntent({ ...target(bob), ...words, holdMs: Number.NaN })).rejects.toMatchObject({
        code: 'invalid-options',
      })
      expect(() => generationPaths({ ...bob, gen: '../../x' })).toThrow(/invalid gen/)
      await expect(declareIntent({ ...target(bob), ...words, gen: '../../x' })).rejects.toMatchObject({
        code: 'invalid-options',
      })
      expect(await ensureCanary({ ...bob, socketPath: bob.server.socketPath })).toMatchObject({
        state: 'already',
      })
    })
  })
})
