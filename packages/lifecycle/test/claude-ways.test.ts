import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findAgent } from '@iapeer/dev/agents'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { claudeMail } from '../src/mail/ways/claude/index.ts'
import { readClaudeReport } from '../src/runtimes/index.ts'
import { bash, type StartOptions, startClaude, type TestClaude } from './claude-mail-session.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const found = await findAgent('claude')
if (found.skipped !== undefined)
  console.warn(`tests of messages to the real claude are skipped: ${found.skipped}`)

async function start(options: StartOptions = {}): Promise<TestClaude> {
  const claude = await startClaude(newRoot(), found.program ?? '', options)
  track(claude.stop)
  return claude
}

describe.runIf(isFullCampaign() && found.program !== undefined)(
  'a message to Claude Code',
  { timeout: 60_000, tags: ['claude'] },
  () => {
    it('is not offered at a permission dialog, and one that was posted before arrives after the dialog', async () => {
      const claude = await start({ permissions: 'ask' })
      const { target, model } = claude
      model.script(bash('touch made'), { text: 'after' })
      const release = model.hold()
      await claude.say('work')
      await until('the model to be asked', () => claude.asked('work') === 1)
      const given = await claude.give('kumquat')
      release()
      await until('the dialog', async () => (await claudeMail.readiness(target)) === 'blocked')
      for (const name of ['inbox', 'rewake', 'paste'] as const)
        expect(await claude.way(name).prepare(target, 'next')).toEqual({ kind: 'not-now', why: 'blocked' })
      expect((await claude.prove(given)).kind).not.toBe('taken')
      await until('its screen', async () =>
        (await claude.handle.capturePane(target.session.paneId)).includes('touch made'),
      )
      await until('the dialog to close', async () => {
        await claude.keys('Enter')
        await new Promise((resolve) => setTimeout(resolve, 500))
        return (await claudeMail.readiness(target)) !== 'blocked'
      })
      await claude.isTaken(given)
      await until('the answer', () => claude.asked('kumquat') === 1)
    })

    it('through the watcher is taken when idle and while a tool runs, a drop that was not claimed is taken back, and what was in the queue of a killed program is not in its conversation', async () => {
      const claude = await start()
      const { target, model, directory } = claude
      const idle = await claude.give('kumquat', 'rewake')
      await claude.isTaken(idle)
      expect(await claude.prove(idle)).toMatchObject({ kind: 'taken', by: 'transcript' })
      await until(
        'the end of the turn',
        async () => (await claudeMail.turn(target, idle.request)).kind === 'ended',
      )
      model.script(bash('sleep 1.5; echo slept'), { text: 'after' })
      await claude.say('work')
      await until('the tool', async () => (await readClaudeReport(target.session.leader))?.status === 'busy')
      const busy = await claude.give('quince', 'rewake')
      await claude.isTaken(busy)
      await until('the model to be asked', () => claude.asked('quince') === 1)
      await until(
        'the end of the turn',
        async () => (await claudeMail.turn(target, busy.request)).kind === 'ended',
      )
      // One watcher waits; those before have ended.
      await until('one watcher', () => readdirSync(join(directory, 'watchers')).length === 1)
      await until(
        'no watcher',
        async () => {
          writeFileSync(join(directory, 'watcher'), '1\n')
          await new Promise((resolve) => setTimeout(resolve, 300))
          return (await claude.way('rewake').prepare(target, 'next')).kind === 'off'
        },
        15_000,
      )
      const offer = { ...idle.offer, mark: '00000000-0000-4000-8000-000000000001' }
      const attempt = { ...idle.attempt, mark: offer.mark, n: 2 }
      const request = { ...idle.request, attempt }
      expect(await claude.way('rewake').prove(target, request)).toMatchObject({ kind: 'absent' })
      expect(await claude.way('rewake').offer(target, offer, attempt)).toEqual({ kind: 'made' })
      expect(await claude.way('rewake').prove(target, request)).toEqual({ kind: 'none' })
      expect(await claude.way('rewake').withdraw?.(target, request)).toBe(true)
      expect(readFileSync(join(directory, `${offer.mark}.withdrawn`), 'utf8')).toBe(offer.text)

      model.script(bash('sleep 3'), { text: 'after' })
      await claude.say('sleep')
      await until('the tool', async () => (await readClaudeReport(target.session.leader))?.status === 'busy')
      const queued = await claude.give('medlar')
      await until('its queue', async () => (await claude.prove(queued)).kind === 'accepted')
      process.kill(target.session.leader.pid, 'SIGKILL')
      await until('its end', async () => (await readClaudeReport(target.session.leader)) === undefined)
      expect(await claudeMail.lastLook(target, queued.request)).toEqual({ kind: 'none' })
      expect(claude.asked('medlar')).toBe(0)
    })

    it('through the input row is pasted only into a quiet, empty row of a session that asks nothing', async () => {
      const claude = await start()
      const { target } = claude
      await claude.handle.sendKeys(target.session.paneId, [{ text: 'a draft' }])
      await until('the session to be quiet', async () => {
        const prepared = await claude.way('paste').prepare(target, 'next')
        return prepared.kind === 'not-now' && prepared.why === 'busy'
      })
      await claude.keys('C-u')
      const given = await claude.give('kumquat', 'paste')
      await claude.isTaken(given)
      expect(await claude.prove(given)).toMatchObject({ kind: 'taken', by: 'transcript' })
      await until('the model to be asked', () => claude.asked('kumquat') === 1)
    })
  },
)
