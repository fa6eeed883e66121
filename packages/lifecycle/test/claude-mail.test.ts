import { lstatSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findAgent } from '@iapeer/dev/agents'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { MailDelivery, messageView } from '../src/mail/index.ts'
import { claudeMail } from '../src/mail/ways/claude/index.ts'
import { readClaudeReport } from '../src/runtimes/index.ts'
import {
  attemptOf,
  bash,
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

const OPTIONS = { timeout: 60_000, tags: ['claude'] }

describe.skipIf(found.program === undefined)('a message to Claude Code', OPTIONS, () => {
  it('through the inbox is taken when idle, with the result of a running tool, beside a draft, and after /clear, whatever the person refuses', async () => {
    const settings = { crossSessionInbound: 'refuse' }
    const claude = await start({ settings })
    const { target, directory, model } = claude
    expect(lstatSync(join(directory, 'settings.json')).mode & 0o777).toBe(0o600)
    const before = await claudeMail.foreign?.(target, undefined)
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
    const foreign = await claude.give('medlar')
    await claude.isTaken(foreign)
    expect(await claudeMail.foreign?.(target, before?.next)).toMatchObject({ count: 0 })
    // Without its frame, it is one that iapeer did not send.
    rmSync(join(directory, 'frames', foreign.attempt.mark))
    const seen = await claudeMail.foreign?.(target, before?.next)
    expect(seen).toMatchObject({ count: 1 })
    expect(await claudeMail.foreign?.(target, seen?.next)).toMatchObject({ count: 0 })
    expect(await claude.handle.capturePane(target.session.paneId)).toMatch(/^❯\s+a draft/m)
    await claude.keys('C-u')

    const early = await claude.give('loquat')
    await claude.isTaken(early)
    await claude.ready()
    await claude.say('/clear')
    const cleared = await until('the new conversation', async () => {
      const prepared = await claude.way('inbox').prepare(target, 'next')
      if (prepared.kind !== 'usable' || prepared.conversation.id === early.attempt.conversation.id)
        return undefined
      return prepared.conversation
    })
    // As an attempt that was written before /clear and made after it.
    const after = await claude.give('sorb')
    await claude.isTaken(after)
    expect(after.attempt.conversation.id).toBe(cleared.id)
    const attempt = { ...after.attempt, conversation: early.attempt.conversation }
    expect(await claudeMail.lastLook(target, { ...after.request, attempt })).toMatchObject({ kind: 'taken' })
    const words = ['kumquat', 'quince', 'medlar', 'loquat', 'sorb']
    await until('the model to be asked', () => claude.asked('sorb') > 0)
    expect(Object.fromEntries(words.map((word) => [word, claude.asked(word)]))).toEqual(
      Object.fromEntries(words.map((word) => [word, 1])),
    )
  })

  it('is taken by a session whose person has turned hooks off, once its conversation has a file, and is not offered while it is stopped', async () => {
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
    // Otherwise tmux continues it.
    const stopped = [target.session.server.pid, target.session.leader.pid]
    for (const pid of stopped) process.kill(pid, 'SIGSTOP')
    await until('its state', async () => (await claudeMail.readiness(target)) === 'frozen')
    for (const pid of stopped.reverse()) process.kill(pid, 'SIGCONT')
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
})
