import { isIapeerError } from '@iapeer/core/errors'
import { daemonPlace } from '@iapeer/core/paths'
import { observeProcesses } from '@iapeer/core/process'
import { readLockHolder } from '@iapeer/core/storage'
import { finishSessions } from '../reap/index.ts'
import { listSessions, type PeerSession } from '../sessions/index.ts'
import { policyOf, type SuperviseSettings, settleAndPlan, superviseSettings } from '../supervise/index.ts'
import { finishRename } from './rename.ts'

/** A setting of the daemon that this environment has wrong is the daemon's to refuse. */
function settingsOf(env: NodeJS.ProcessEnv): SuperviseSettings {
  try {
    return superviseSettings(env)
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'bad-setting') throw error
    return superviseSettings({})
  }
}

async function isSupervised(root: string): Promise<boolean> {
  const holder = await readLockHolder(daemonPlace(root).lock)
  return holder !== undefined && holder.liveness !== 'gone'
}

async function endedSessions(root: string): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map(({ server }) => server)),
    observeProcesses(sessions.map(({ leader }) => leader)),
  ])
  return sessions.filter((_session, at) => servers[at] === 'gone' || leaders[at] === 'gone')
}

/**
 * Sees to whatever of a fleet has ended and is not settled: for commands that show or stop peers, so that what they say is
 * true. An end that tmux has lost is recorded, and where no daemon runs it is counted, and what follows it is planned as the
 * daemon would.
 */
export async function settleFleet(root: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  await finishRename(root)
  await finishSessions(root)
  if (await isSupervised(root)) return
  for (const session of await endedSessions(root)) {
    const profile = await policyOf(root, session.identity, () => undefined)
    await settleAndPlan(root, session, {
      settings: settingsOf(env),
      now: new Date(),
      chance: Math.random(),
      profile,
    })
  }
}
