import { existsSync } from 'node:fs'
import { mapLimit } from '@iapeer/core/async'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcesses } from '@iapeer/core/process'
import { filesOfGen, listSessions, type PeerSession } from '../sessions/index.ts'
import { isSupervised } from './is-supervised.ts'
import { isRenamePending } from './rename-pending.ts'
import { WriteAttempts } from './unwritable.ts'

/** Whether the exit hook of a session was removed: the link beside the state of its recorder leads nowhere. */
const lacksHook = (root: string, { gen, ...session }: PeerSession): boolean =>
  gen !== undefined && !existsSync(`${filesOfGen(root, { ...session, gen }).state}.hook`)

/** Whether a session may have ended, or needs its scripts: what settles them is a lot of code, which most commands do not need. */
async function needsWork(root: string): Promise<boolean> {
  const sessions = await listSessions(root)
  const states = await observeProcesses(sessions.flatMap(({ server, leader }) => [server, leader]))
  return states.includes('gone') || sessions.some((session) => lacksHook(root, session))
}

/**
 * Returns the sessions that have ended. One whose leader has exited without a record, while its server still runs, has not: only
 * its server knows how the program exited.
 */
async function endedSessions(
  root: string,
  isUnrecorded: (root: string, session: PeerSession) => boolean,
): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map(({ server }) => server)),
    observeProcesses(sessions.map(({ leader }) => leader)),
  ])
  return sessions.filter(
    (session, at) => servers[at] === 'gone' || (leaders[at] === 'gone' && !isUnrecorded(root, session)),
  )
}

/** Says that an exit is known, and that only its tmux server knows how the program exited. */
const unrecordedText = ({ identity, leader, server }: PeerSession): string =>
  `the exit of ${identity} (pid ${leader.pid}) cannot be recorded yet: its tmux server (pid ${server.pid}) does not answer`

const unfinishedText = ({ identity, server }: PeerSession): string =>
  `the death of ${identity} (tmux server ${server.pid}) is not recorded yet: its recorder has not finished`

/** How many ended sessions are settled at a time: each can wait for its recorder for some seconds. */
const AT_ONCE = 8

const loadRename = async () => {
  const { finishRename } = await import('./rename.ts')
  return finishRename
}

const loadFinish = async () => {
  const [{ finishSessions, isUnrecorded }, { restoreExitHooks }] = await Promise.all([
    import('../reap/index.ts'),
    import('@iapeer/tmux'),
  ])
  return { finishSessions, isUnrecorded, restoreExitHooks }
}

const loadPlan = async () => {
  const { policyOf, settleAndPlan, usableSettings } = await import('../supervise/index.ts')
  return { policyOf, settleAndPlan, usableSettings }
}

/** Loads what {@link settleFleet} otherwise loads when there is work. */
export async function preloadSettle(): Promise<void> {
  await Promise.all([loadRename(), loadFinish(), loadPlan()])
}

/**
 * Settles every session that has ended: for commands that show or stop peers, so that what they print is true. Records an exit
 * that tmux has missed. Where no daemon runs, it also counts the end and plans a restart as the daemon would.
 * @returns why something could not be recorded, as on a full disk: a later call records it; undefined if everything was
 */
export async function settleFleet(
  root: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const attempts = new WriteAttempts()
  if (isRenamePending(root)) await (await loadRename())(root)
  if (!(await needsWork(root))) return undefined
  const { finishSessions, isUnrecorded, restoreExitHooks } = await loadFinish()
  await attempts.attempt(() => restoreExitHooks(rootRecordLocation(root)))
  await attempts.attempt(async () => {
    const [session] = await finishSessions(root)
    if (session !== undefined) attempts.note(unrecordedText(session))
  })
  if (await isSupervised(root)) return attempts.problem()
  const { policyOf, settleAndPlan, usableSettings } = await loadPlan()
  await mapLimit(await endedSessions(root, isUnrecorded), AT_ONCE, async (session) => {
    const profile = await policyOf(root, session.identity, () => undefined)
    const input = { settings: usableSettings(env), now: new Date(), chance: Math.random(), profile }
    await attempts.attempt(async () => {
      if ((await settleAndPlan(root, session, input)) === 'later') attempts.note(unfinishedText(session))
    })
  })
  return attempts.problem()
}
