import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity, toPersonality } from '@iapeer/core/identity'
import { identifyProcess } from '@iapeer/core/process'
import { createPeer, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { campaignCases, isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { lastConversation } from '../src/conversations/index.ts'
import {
  FleetSupervisor,
  finishLaunch,
  launchPeer,
  readEvents,
  resetNamed,
  startNamed,
  statusOf,
  stopPeer,
} from '../src/index.ts'
import { type ConversationFacts, resolveConversation } from '../src/launch/resolve-conversation.ts'
import { claudeMailFiles } from '../src/runtimes/index.ts'
import { type PeerSession, readSession, readTally, withCurrent } from '../src/sessions/index.ts'
import { changeTally } from '../src/sessions/tally.ts'
import { afterResumes } from '../src/supervise/failed-resumes.ts'
import { type FakeStep, fakeAgent, pressKeys, READY, UNKNOWN } from './fake-agent.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('claude-bob')
const ID = '11111111-1111-4111-8111-111111111111'
const OTHER = '22222222-2222-4222-8222-222222222222'
const OF_CODEX = '01a22845-3446-76b2-99e6-e9cb319b8181'

describe('a conversation', () => {
  const free = { isStored: false, holder: undefined }
  it.each([
    ['that was never pinned', { pinned: undefined, ...free }, { kind: 'none' }],
    ['whose id its program never said', { pinned: {}, ...free }, { kind: 'unsaid' }],
    [
      'of a program that was never ready',
      { pinned: { hasTurn: false }, ...free },
      { kind: 'no-first-turn', id: undefined },
    ],
    ['that is stored', { pinned: { id: ID }, ...free, isStored: true }, { kind: 'resumable', id: ID }],
    ['that had no turn', { pinned: { id: ID }, ...free }, { kind: 'no-first-turn', id: ID }],
    [
      'that its program was in, with no turn',
      { pinned: { id: ID, hasTurn: false, confirmedAt: '2026-06-10T12:00:00Z' }, ...free },
      { kind: 'no-first-turn', id: ID },
    ],
    [
      'that its program was in, and whose turns are not known',
      { pinned: { id: ID, confirmedAt: '2026-06-10T12:00:00Z' }, ...free },
      { kind: 'gone', id: ID, path: undefined },
    ],
    [
      'that had a turn and is not there',
      { pinned: { id: ID, hasTurn: true, path: '/gone' }, ...free },
      { kind: 'gone', id: ID, path: '/gone' },
    ],
    [
      'that is stored for another home',
      { pinned: { id: ID, hasTurn: true, path: '/x' }, ...free, isElsewhere: true },
      { kind: 'gone', id: ID, path: '/x', isElsewhere: true },
    ],
    [
      'that a running process is in',
      { pinned: { id: ID }, isStored: true, holder: 'process 812' },
      { kind: 'held', id: ID, holder: 'process 812' },
    ],
  ] as const satisfies readonly (readonly [string, ConversationFacts, object])[])(
    '%s is resolved',
    (_what, facts, resolution) => {
      expect(resolveConversation(facts)).toEqual(resolution)
    },
  )

  const now = new Date('2026-06-10T12:00:00Z')
  const at = now.toISOString()
  it.each([
    ['that the program does not say stays', { id: ID }, undefined, { id: ID }],
    [
      'is confirmed by its program',
      { id: ID },
      { id: ID, path: '/x', hasTurn: true },
      { id: ID, path: '/x', hasTurn: true, confirmedAt: at },
    ],
    [
      'that a person has changed is another one, with nothing of the former one',
      { id: ID, path: '/x', hasTurn: true, confirmedAt: 'before', resumed: true as const },
      { id: OTHER, hasTurn: false },
      { id: OTHER, confirmedAt: at, hasTurn: false, resumed: true },
    ],
    [
      'that had no turn yet is known to have had none',
      { id: ID, confirmedAt: 'before' },
      { id: ID, hasTurn: false },
      { id: ID, path: undefined, hasTurn: false, confirmedAt: 'before' },
    ],
    [
      'of which the program does not say whether it had a turn keeps what is known',
      { id: ID, hasTurn: false, confirmedAt: 'before' },
      { id: ID, hasTurn: undefined },
      { id: ID, hasTurn: false, confirmedAt: 'before' },
    ],
    [
      'that had a turn keeps that',
      { id: ID, path: '/x', hasTurn: true },
      { id: ID, hasTurn: false },
      { id: ID, path: '/x', hasTurn: true, confirmedAt: at },
    ],
  ])('%s', (_what, pinned, current, after) => {
    expect(withCurrent(pinned, current, now)).toEqual(after)
  })

  it('of which nothing is new is the same object', () => {
    const pinned = { id: ID, path: '/x', hasTurn: true, confirmedAt: at }
    expect(withCurrent(pinned, { id: ID, path: '/x', hasTurn: true }, now)).toBe(pinned)
  })

  it.each([
    ['with only a prompt had no turn', ['SessionStart', 'UserPromptSubmit'], false],
    ['with a turn that is over had one', ['SessionStart', 'UserPromptSubmit', 'Stop'], true],
    ['with a turn that failed had one', ['SessionStart', 'UserPromptSubmit', 'StopFailure'], true],
  ] as const)('of Claude Code whose transcript was removed, %s', async (_what, hooks, hasTurn) => {
    const { root: directory } = newRoot()
    const { events } = claudeMailFiles(directory)
    mkdirSync(events, { recursive: true })
    for (const [index, name] of hooks.entries()) {
      const call = { hook_event_name: name, session_id: ID, transcript_path: '/gone', source: 'startup' }
      writeFileSync(join(events, `${index + 1}-1`), JSON.stringify(call))
    }
    const session = { identity: BOB, mail: { directory, bearerHash: 'h' }, leader: { pid: 1, token: '1' } }
    expect(await lastConversation(session as unknown as PeerSession)).toMatchObject({ id: ID, hasTurn })
  })

  it.each([
    ['claude-bob', ID, { id: ID }],
    ['codex-bob', OF_CODEX, { id: OF_CODEX }],
    // Codex never got the id that was written for it.
    ['codex-bob', ID, {}],
    ['command-bob', ID, undefined],
  ])('in a session file of an earlier version, of %s with %s, is %j', async (name, id, expected) => {
    const { root } = newRoot()
    const directory = join(root, 'state/lifecycle')
    mkdirSync(directory, { recursive: true })
    const mail = { directory: '/s', bearerHash: 'h', conversation: id }
    const ids = {
      server: '99999998:1',
      leader: '99999999:1',
      socketPath: '/s',
      sessionId: '$0',
      paneId: '%0',
    }
    const times = { startedAt: '2026-06-10T12:00:00Z', readyAt: '2026-06-10T12:00:01Z' }
    const file = { schemaVersion: 1, gen: '0123456789abcdef', ...ids, ...times, mail }
    writeFileSync(join(directory, `${name}.session`), JSON.stringify(file))
    expect((await readSession(root, toIdentity(name)))?.conversation).toEqual(expected)
  })

  it.each([
    [2, undefined, { kind: 'start', mode: 'resume', afterMs: 5 }],
    [3, undefined, { kind: 'crash-loop' }],
    [3, true, { kind: 'start', mode: 'fresh', afterMs: 0 }],
  ] as const)('that could not be resumed %s times, or else fresh: %s', (failedResumes, orFresh, expected) => {
    const wanted = { kind: 'start', mode: 'resume', afterMs: 5, ...(orFresh && { orFresh }) } as const
    expect(afterResumes({ endings: [], restarts: 0, topics: [], failedResumes }, wanted)).toMatchObject(
      expected,
    )
  })
})

/** The variables of a launch in a home of its own, in which conversations are stored. */
function homeOf({ path }: TestRoot, ...stored: readonly string[]): NodeJS.ProcessEnv {
  const home = join(path, 'home')
  const project = join(home, '.claude/projects/x')
  for (const directory of [project, join(home, '.claude/sessions')]) mkdirSync(directory, { recursive: true })
  for (const id of stored) writeFileSync(join(project, `${id}.jsonl`), '{"type":"user"}\n')
  return { ...process.env, HOME: home }
}

const pin = (root: string, conversation: object) =>
  changeTally(root, BOB, (tally) => ({ ...tally, conversation, lastEnd: 'crash' }))

async function agentIn(
  root: TestRoot,
  steps: readonly FakeStep[] = [READY],
): Promise<{ readonly entry: PeerEntry; readonly given: () => readonly string[] }> {
  return fakeAgent(root, steps, 'Good morning.')
}

describe('a launch that resumes', () => {
  it.runIf(isFullCampaign())(
    'does not type the first message, not even once a dialog that blocked it was answered',
    async () => {
      const root = newRoot()
      const { entry, given } = await agentIn(root, [UNKNOWN, READY])
      const env = homeOf(root, ID)
      const { session, resumed } = await launchPeer(root.root, entry, {
        ...{ env, resume: { id: ID }, bootTimeoutMs: 1_500 },
      })
      expect([resumed, session.blocked?.typedAt, session.conversation]).toEqual([
        ...[ID, undefined, { id: ID, hasTurn: true, resumed: true }],
      ])
      await pressKeys(session, 'y')
      await until('the launch to be finished', async () => (await finishLaunch(root.root, session))?.readyAt)
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(given().join('\n')).not.toContain('Good morning')
      expect((await readTally(root.root, BOB)).conversation).toEqual({ id: ID, hasTurn: true })
    },
  )

  it('is refused if nothing is pinned, or it is gone, or a process or another peer is in it', async () => {
    const root = newRoot()
    const { entry } = await agentIn(root)
    const env = homeOf(root, ID)
    const launch = (resume: 'own' | { id: string }, of = entry) => launchPeer(root.root, of, { env, resume })
    await expect(launch('own')).rejects.toMatchObject({ code: 'conversation-unknown' })
    await pin(root.root, { id: OTHER, hasTurn: true, path: '/gone' })
    await expect(launch('own')).rejects.toMatchObject({
      code: 'conversation-gone',
      message: expect.stringContaining('/gone does not exist'),
    })
    await expect(launch({ id: OTHER })).rejects.toMatchObject({ code: 'conversation-gone' })
    await expect(launch({ id: '../x' })).rejects.toMatchObject({ code: 'conversation-gone' })
    const own = await identifyProcess(process.pid)
    const file = join(root.path, 'home/.claude/sessions/1.json')
    writeFileSync(file, JSON.stringify({ pid: own?.pid, procStart: own?.token, sessionId: ID }))
    await expect(launch({ id: ID })).rejects.toMatchObject({
      code: 'conversation-held',
      message: expect.stringContaining(`process ${process.pid}`),
    })
    // A killed process leaves its file behind.
    writeFileSync(file, JSON.stringify({ pid: own?.pid, procStart: '1', sessionId: ID }))
    await launch({ id: ID })
    const ann = await createPeer(root.root, {
      ...{ personality: toPersonality('ann'), defaultRuntime: entry.defaultRuntime },
      command: ['/bin/sh', join(root.path, 'agent.sh')],
    })
    await expect(launch({ id: ID }, ann)).rejects.toMatchObject({
      code: 'conversation-held',
      message: expect.stringContaining('claude-bob'),
    })
    await stopPeer(root.root, BOB, { by: 'a test' })
  })

  it.runIf(isFullCampaign())(
    'of a suspended peer is what a start does, and one that begins anew says why',
    async () => {
      const root = newRoot()
      const { entry } = await agentIn(root)
      const env = homeOf(root, ID)
      await launchPeer(root.root, entry, { env, resume: { id: ID } })
      await stopPeer(root.root, BOB, { by: 'a test', afterwards: 'suspend' })
      // The home of this process has no such conversation.
      await expect(startNamed(root.root, 'bob', {})).rejects.toMatchObject({ code: 'conversation-gone' })
      const view = await startNamed(root.root, 'bob', { resume: true, orFresh: true })
      expect(view).toMatchObject({ state: 'launched', notResumed: expect.stringContaining(ID) })
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
  )
})

describe('a supervised peer whose conversation is gone', () => {
  it.each(
    campaignCases([
      ['resume', 'crash-loop'],
      ['resume-or-fresh', 'running'],
    ] as const),
  )(
    'with the policy %s is %s after three attempts',
    async (restart, state) => {
      const root = newRoot()
      const { entry } = await agentIn(root)
      const env = homeOf(root)
      await updatePeer(root.root, 'bob', { restart })
      const orFresh = restart === 'resume' ? {} : { startOrFresh: true as const }
      await pin(root.root, { id: ID, hasTurn: true, path: '/gone' })
      await changeTally(root.root, BOB, (tally) => ({
        ...{ ...tally, ...orFresh, startAt: new Date().toISOString(), startMode: 'resume', failedResumes: 1 },
      }))
      const supervisor = new FleetSupervisor(root.root, { env, random: () => 0 })
      await supervisor.start()
      track(() => supervisor.stop())
      await until(
        state,
        async () => {
          const now = await statusOf(root.root, BOB)
          return now.state === state && (state !== 'running' || now.tally.failedResumes === undefined)
        },
        20_000,
      )
      // The state is written before the events.
      const events = await until('the event', async () => {
        const found = await readEvents(root.root, { peer: 'bob' })
        return found.events.some(({ action }) => action === 'resume-failed') ? found.events : undefined
      })
      const failed = events.filter(({ action }) => action === 'restart-failed')
      expect(failed.map(({ reason }) => reason)).toEqual(Array(2).fill('conversation-gone'))
      expect(events.filter(({ action }) => action === 'resume-failed')).toHaveLength(1)
      const { failedResumes, resumeProblem } = await readTally(root.root, BOB)
      if (state === 'running') expect([failedResumes, resumeProblem]).toEqual([undefined, undefined])
      else {
        expect(resumeProblem).toContain('/gone does not exist')
        await expect(launchPeer(root.root, entry, { env })).rejects.toMatchObject({ code: 'resume-failed' })
        await resetNamed(root.root, 'bob')
        await launchPeer(root.root, entry, { env })
      }
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
    40_000,
  )
})
