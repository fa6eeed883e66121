import { setTimeout as sleep } from 'node:timers/promises'
import { completeIntent, declareIntent, withdrawIntent } from '@iapeer/canary'
import { isGoneWithin } from '../../processes.ts'
import type { RecordedServer } from '../../servers/recorded-server.ts'
import { killServer, stopServer, targetOf } from '../../servers/stop-server.ts'
import { startOtherProcess } from '../other-process.ts'
import {
  ANY_WATCH,
  bySignal,
  either,
  LOST,
  once,
  type RecorderAct,
  recorderNow,
  signal,
  silent,
} from './act.ts'
import { secondName } from './recorders.ts'

const GONE_MS = 40_000
const BY = 'recorder campaign'

const declare = (recorded: RecordedServer) =>
  declareIntent({ ...targetOf(recorded), by: BY, why: 'deliberate stop' })

/** Declares an intent in another process, which can be killed. */
async function declarer(recorded: RecordedServer) {
  const other = await startOtherProcess(recorded.site, { job: 'declare', target: targetOf(recorded) })
  await other.answer('declared')
  return other
}

/** Deliberate stops, also those that are disturbed, and accidents while an intent is declared. */
export const INTENT_ACTS = {
  teardown: async (recorded) => {
    await stopServer(recorded, BY)
    return silent
  },
  teardownWithStoppedRecorder: async (recorded, random) => {
    const { recorder } = await recorderNow(recorded)
    await recorded.site.processes.signal(recorder, 'SIGSTOP')
    await stopServer(recorded, BY)
    await sleep(random.below(300))
    await recorded.site.processes.signal(recorder, 'SIGCONT')
    return silent
  },
  teardownWithDeadRecorder: async (recorded) => {
    const { recorder } = await recorderNow(recorded)
    await declare(recorded)
    await recorded.site.processes.signal(recorder, 'SIGKILL')
    await killServer(recorded)
    await completeIntent(targetOf(recorded))
    return silent
  },
  teardownByTwo: async (recorded) => {
    const first = await declarer(recorded)
    await declare(recorded)
    await killServer(recorded)
    await Promise.all([completeIntent(targetOf(recorded)), first.ask('done', 'done')])
    await first.kill()
    return silent
  },
  teardownThatFails: async (recorded, random) => {
    await declare(recorded)
    await sleep(random.below(30))
    await withdrawIntent(targetOf(recorded))
    await signal(recorded, 'SIGKILL')
    return once(bySignal(recorded, 'killed'))
  },
  deadDeclarer: async (recorded, random) => {
    const other = await declarer(recorded)
    await other.kill()
    await sleep(random.below(50))
    await signal(recorded, 'SIGKILL')
    return once(bySignal(recorded, 'killed'))
  },
  declarerDiesAfterKill: async (recorded, random) => {
    const other = await declarer(recorded)
    await killServer(recorded)
    await sleep(random.below(150))
    await other.kill()
    // It depends on whether the recorder read the intent while the declarer was running.
    return either(LOST, bySignal(recorded, 'killed'), ...ANY_WATCH)
  },
  lateIntent: async (recorded) => {
    await signal(recorded, 'SIGKILL')
    await isGoneWithin(recorded.server, GONE_MS)
    const { state } = await declare(recorded)
    if (state === 'declared') await withdrawIntent(targetOf(recorded))
    return once(LOST, bySignal(recorded, 'killed'), ...ANY_WATCH)
  },
  twoNamesStopped: async (recorded) => {
    const alsoAs = await secondName(recorded)
    await stopServer(recorded, BY)
    return { ...silent, alsoAs }
  },
} satisfies Record<string, RecorderAct>
