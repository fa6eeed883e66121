import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findAgent } from '@iapeer/dev/agents'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { MailDelivery, messageView } from '../src/mail/index.ts'
import { claudeMail } from '../src/mail/ways/claude/index.ts'
import { readClaudeReport } from '../src/runtimes/index.ts'
import {
  attemptOf,
  newOffer,
  type StartOptions,
  startClaude,
  type TestClaude,
} from './claude-mail-session.ts'
import { send, untilState } from './mail-support.ts'
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

const bash = (command: string) => ({ tools: [{ tool: 'Bash', input: { command, description: 'a test' } }] })

describe.skipIf(found.program === undefined)('a message to Claude Code', { timeout: 60_000 }, () => {
  it('through the inbox is taken when idle, with the result of a running tool, beside a draft, and after /clear, whatever the person refuses', async () => {
    const settings = { crossSessionInbound: 'refuse' }
    const claude = await start({ settings })
    const { target, directory, model } = claude
    expect(lstatSync(join(directory, 'settings.json')).mode & 0o777).toBe(0o600)
    const idle = await claude.give('kumquat')
    await claude.isTaken(idle)
    expect(await claude.prove(idle)).toMatchObject({
      kind: 'taken',
      by: 'transcript',
      turn: expect.any(String),
    })
    await until(
      'the end of the turn',
      async () => (await claudeMail.turn(target, idle.request)).kind === 'ended',
    )
    // The equal frame within 30 s is dropped.
    await claude.way('inbox').repeat?.(target, idle.offer, idle.attempt)

    model.script(bash('sleep 1.5; echo slept'), { text: 'after' })
    await claude.say('work')
    await until('the tool', async () => (await readClaudeReport(target.session.leader))?.status === 'busy')
    const busy = await claude.give('quince')
    await until('its queue', async () => (await claude.prove(busy)).kind === 'accepted')
    await claude.isTaken(busy)
    // A record is written before the model is asked.
    const request = await until('the model to be asked', () =>
      model.requests.find(({ added }) => added.includes('quince')),
    )
    expect(request.added).toContain('slept')
    await until(
      'the end of the turn',
      async () => (await claudeMail.turn(target, busy.request)).kind === 'ended',
    )

    await claude.handle.sendKeys(target.session.paneId, [{ text: 'a draft' }])
    await claude.isTaken(await claude.give('medlar'))
    expect(await claude.handle.capturePane(target.session.paneId)).toMatch(/^❯\s+a draft/m)
    await claude.keys('C-u')

    const before = await claude.give('loquat')
    await claude.isTaken(before)
    await claude.ready()
    await claude.say('/clear')
    const cleared = await until('the new conversation', async () => {
      const prepared = await claude.way('inbox').prepare(target, 'next')
      if (prepared.kind !== 'usable' || prepared.conversation.id === before.attempt.conversation.id)
        return undefined
      return prepared.conversation
    })
    // As an attempt that was written before /clear and made after it.
    const after = await claude.give('sorb')
    await claude.isTaken(after)
    expect(after.attempt.conversation.id).toBe(cleared.id)
    const attempt = { ...after.attempt, conversation: before.attempt.conversation }
    expect(await claudeMail.lastLook(target, { ...after.request, attempt })).toMatchObject({ kind: 'taken' })
    const words = ['kumquat', 'quince', 'medlar', 'loquat', 'sorb']
    await until('the model to be asked', () => claude.asked('sorb') > 0)
    expect(Object.fromEntries(words.map((word) => [word, claude.asked(word)]))).toEqual(
      Object.fromEntries(words.map((word) => [word, 1])),
    )
  })

  it('is taken by a session whose person has turned hooks off, once its conversation has a file', async () => {
    const claude = await start({ settings: { disableAllHooks: true, crossSessionInbound: 'hold' } })
    const { target } = claude
    expect(await claude.way('inbox').prepare(target, 'next')).toEqual({ kind: 'not-now', why: 'unknown' })
    await claude.say('work')
    const given = await claude.give('kumquat')
    await claude.isTaken(given)
    await until(
      'the end of the turn',
      async () => (await claudeMail.turn(target, given.request)).kind === 'ended',
    )
  })

  it('that is sent is delivered once and handled, and nothing is offered for 30 s after a person has interrupted its turn', async () => {
    const claude = await start()
    const { root } = claude.target
    const errors: unknown[] = []
    const delivery = new MailDelivery(root, { env: {}, onError: (what, error) => errors.push(what, error) })
    track(() => delivery.stop())
    await delivery.start()
    const { id } = await send(root, 'bob', 'kumquat')
    expect(await untilState(root, id, 'handled')).toMatchObject({
      taken: { way: 'inbox', proof: 'transcript' },
    })
    const unmade = attemptOf(claude.target, newOffer('quince'), 'inbox', { kind: 'claude', id: '' })
    expect(await claude.prove(unmade)).toEqual({ kind: 'absent', why: 'it was not posted' })
    const many = await Promise.all(
      Array.from({ length: 9 }, (_none, at) => send(root, 'bob', `medlar-${at}-`)),
    )
    for (const one of many) await untilState(root, one.id, 'handled')
    for (let at = 0; at < many.length; at++) expect(claude.asked(`medlar-${at}-`)).toBe(1)
    const release = claude.model.hold()
    const last = await send(root, 'bob', 'loquat')
    await until('the model to be asked', () => claude.asked('loquat') === 1)
    await untilState(root, last.id, 'taken')
    await claude.keys('Escape')
    await until('the interrupt', async () => (await messageView(root, last.id)).turn === 'interrupted')
    release()
    for (const name of ['inbox', 'rewake', 'paste'] as const)
      expect(await claude.way(name).prepare(claude.target, 'next')).toEqual({
        kind: 'not-now',
        why: 'interrupted',
      })
    expect([claude.asked('kumquat'), errors]).toEqual([1, []])
  })

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
})
