import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { findAgent } from '@iapeer/dev/agents'
import { until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { fleetStatus } from '../src/fleet/index.ts'
import { FleetSupervisor, launchPeer, type PeerSession, readContext, readEvents } from '../src/index.ts'
import { readTurns, type Turn, turnText } from '../src/sessions/index.ts'
import { lookAtTurn } from '../src/turns/index.ts'
import { bash, startClaude } from './claude-mail-session.ts'
import { found as codex, codexes, tool } from './codex-support.ts'
import { roots } from './support.ts'

const shared = roots()
const { track, newRoot } = shared
const startCodex = codexes(shared)
const claude = await findAgent('claude')
if (claude.skipped !== undefined) console.warn(`what Claude Code does is not tested: ${claude.skipped}`)

const OVERLOADED = { status: 529, body: { error: { type: 'overloaded_error', message: 'busy' } } }
const TIMEOUT_MS = 90_000

/** Supervises a root, and notes each state that an agent was seen in. */
async function watch(root: string, session: PeerSession) {
  const supervisor = new FleetSupervisor(root, {
    env: { IAPEER_TICK_SECS: '0.5', IAPEER_BLOCKED_NOTIFY_SECS: '1' },
  })
  await supervisor.start()
  track(() => supervisor.stop())
  const seen: string[] = []
  const now = async (): Promise<Turn | undefined> => {
    const turn = (await readTurns(root))?.turns.get(session.identity)?.turn
    const text = turn === undefined ? '' : `${turnText(turn)} [${turn.source}]`
    if (text !== '' && seen.at(-1) !== text) seen.push(text)
    return turn
  }
  const timer = setInterval(() => void now(), 50)
  track(async () => clearInterval(timer))
  const is = (text: string) =>
    until(`the turn to be "${text}"`, async () => {
      const turn = await now()
      return turn !== undefined && turnText(turn) === text
    })
  return { seen, is, supervisor }
}

describe.skipIf(claude.skipped !== undefined)(
  'what a real Claude Code does is known:',
  { timeout: TIMEOUT_MS, tags: ['claude'] },
  () => {
    it('a turn, a dialog, Escape, an error of the model, and what it did when it was killed', async () => {
      const test = newRoot()
      const { root } = test
      const bob = await startClaude(test, claude.program ?? '', {
        ...{ permissions: 'ask', launchEnv: 'CLAUDE_CODE_MAX_RETRIES=1\n' },
      })
      const { target, model } = bob
      const { seen, is } = await watch(root, target.session)
      await is('idle')
      const release = model.hold()
      await bob.say('work')
      await is('working')
      release()
      await is('idle')
      model.script(bash('touch /tmp/iapeer-not-allowed'), {})
      await bob.say('use a tool')
      await is('blocked: permission prompt (Bash)')
      await until('the event', async () =>
        (await readEvents(root, { ev: ['turn'] })).events.some(({ turn }) => turn === 'blocked'),
      )
      const [shown] = await fleetStatus(root)
      expect(shown?.turn).toMatchObject({ state: 'blocked', source: 'sessions-file' })
      await bob.keys('Escape')
      await is('idle')
      model.always(OVERLOADED)
      await bob.say('are you there')
      await is('mute: model overloaded')
      // A short state can be missed.
      const lasting = seen.filter((text) => !text.startsWith('working'))
      expect(lasting.filter((text, at) => text !== lasting[at - 1])).toEqual([
        ...['idle [sessions-file]', 'blocked: permission prompt (Bash) [sessions-file]'],
        ...['idle [sessions-file]', 'mute: model overloaded [hook]'],
      ])
      expect(seen).toContain('working [sessions-file]')
      const look = await lookAtTurn({ root, session: target.session })
      expect(look.turn).toMatchObject({ state: 'mute', cause: 'overload', detail: 'HTTP 529' })
      expect(look.statements.map(({ source }) => source)).toEqual(['hook', 'sessions-file', 'transcript'])
      await sleep(1_000)
      const { identity, gen, leader } = target.session
      process.kill(leader.pid, 'SIGKILL')
      const context = await until('what it did to be kept', async () => {
        const kept = await readContext(root, `${identity}-${gen}`)
        return kept.turn === undefined ? undefined : kept
      })
      expect(context.turn).toMatchObject({ state: 'mute', cause: 'overload', detail: 'HTTP 529' })
      expect(existsSync('/tmp/iapeer-not-allowed')).toBe(false)
      await model.close()
    })
  },
)

describe.skipIf(codex.skipped !== undefined)(
  'what a real Codex does is known:',
  { timeout: TIMEOUT_MS, tags: ['codex'] },
  () => {
    it('a turn, an approval, Escape and an error of the model, all from its app-server', async () => {
      const eve = await startCodex('ask')
      const { target, model, root } = eve
      const { seen, is } = await watch(root, target.session)
      await is('idle')
      const release = model.hold()
      await eve.say('work')
      await is('working')
      release()
      await is('idle')
      model.script(
        tool('touch /etc/iapeer-not-allowed', {
          sandbox_permissions: 'require_escalated',
          justification: 'x',
        }),
        {},
      )
      await eve.say('use a tool')
      await is('blocked: approval')
      await eve.keys('Escape')
      await is('idle')
      model.always({ status: 401, body: { error: { message: 'bad key' } } })
      await eve.say('are you there')
      await is('mute: not logged in, or refused')
      model.always(undefined)
      await eve.say('and now')
      await is('idle')
      expect(seen.filter((text) => !text.endsWith('[app-server]'))).toEqual([])
      expect(seen).toContain('mute: not logged in, or refused [app-server]')
      await eve.stop()
    })
  },
)

it('a program of which nothing else is known works while it prints, and is idle after it', async () => {
  const { root, peer } = newRoot()
  const entry = await peer(['sh', '-c', 'echo ready; sleep 1000'])
  const { session } = await launchPeer(root, entry)
  const { is } = await watch(root, session)
  await is('working')
  const [shown] = await fleetStatus(root)
  expect(shown?.turn).toMatchObject({ state: 'working', source: 'output' })
})

it('a stopped program is unknown, not what it did before', async () => {
  const { root, peer } = newRoot()
  const entry = await peer(['sh', '-c', 'echo ready; sleep 1000'])
  const { session } = await launchPeer(root, entry)
  // tmux continues a program that stops, so its server is stopped first.
  const pids = [session.server.pid, session.leader.pid]
  const toAll = async (signal: NodeJS.Signals): Promise<void> => {
    for (const pid of pids) process.kill(pid, signal)
  }
  track(() => toAll('SIGCONT'))
  await toAll('SIGSTOP')
  const look = async () => (await lookAtTurn({ root, session })).turn
  await until('the program to be stopped', async () => (await look()).state === 'unknown')
  expect(await look()).toMatchObject({ state: 'unknown', source: 'none' })
  await toAll('SIGCONT')
  expect((await lookAtTurn({ root, session })).turn.state).toBe('working')
})
