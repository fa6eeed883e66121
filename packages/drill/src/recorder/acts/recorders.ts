import { setTimeout as sleep } from 'node:timers/promises'
import { dismissCanary, ensureCanary } from '@iapeer/canary'
import { drillFailed } from '../../errors.ts'
import { denyProcesses } from '../../host/cgroup.ts'
import { isGoneWithin } from '../../processes.ts'
import { type RecordedServer, watchAlsoAs } from '../../servers/recorded-server.ts'
import { recorderOf } from '../../servers/recorder-state.ts'
import { ANY_WATCH, bySignal, LOST, once, type RecorderAct, recorderNow, signal, silent } from './act.ts'

const GONE_MS = 40_000

const requestOf = ({ site, identity, socketPath }: RecordedServer) => ({
  identity,
  socketPath,
  ...site.location,
})

/** Watches a server under a second identity. */
export const secondName = (recorded: RecordedServer): Promise<RecordedServer> =>
  watchAlsoAs(recorded, `second-${recorded.identity}`)

const killedAfterClient = (recorded: RecordedServer) =>
  once(...(recorded.mode === 'guard' ? ['killed'] : ANY_WATCH))

/** Recorders that are killed, stopped, replaced, doubled or dismissed before or after their server is killed. */
export const RECORDER_ACTS = {
  sweep: async (recorded) => {
    const { client } = await recorderNow(recorded)
    if (client !== undefined) await recorded.site.processes.signal(client, 'SIGKILL')
    await signal(recorded, 'SIGKILL')
    return killedAfterClient(recorded)
  },
  clientFirst: async (recorded, random) => {
    const { client } = await recorderNow(recorded)
    if (client !== undefined)
      await recorded.site.processes.signal(client, random.pick(['SIGKILL', 'SIGTERM']))
    await sleep(random.below(60))
    await signal(recorded, 'SIGKILL')
    return killedAfterClient(recorded)
  },
  recorderAndServer: async (recorded, random) => {
    const { recorder } = await recorderNow(recorded)
    await recorded.site.processes.signal(recorder, 'SIGKILL')
    await sleep(random.below(4))
    await signal(recorded, 'SIGKILL')
    return once(LOST, ...ANY_WATCH)
  },
  serverThenRecorder: async (recorded, random) => {
    const { recorder } = await recorderNow(recorded)
    await signal(recorded, 'SIGKILL')
    await sleep(random.below(8))
    await recorded.site.processes.signal(recorder, 'SIGKILL')
    return once(LOST, bySignal(recorded, 'killed'), ...ANY_WATCH)
  },
  recorderReplaced: async (recorded, random) => {
    const { recorder } = await recorderNow(recorded)
    await recorded.site.processes.signal(recorder, 'SIGKILL')
    await sleep(random.below(30))
    await Promise.all([ensureCanary(requestOf(recorded)), ensureCanary(requestOf(recorded))])
    await recorderOf(recorded)
    await signal(recorded, 'SIGKILL')
    return once(LOST, ...ANY_WATCH)
  },
  stoppedRecorder: async (recorded, random) => {
    const { recorder } = await recorderNow(recorded)
    await recorded.site.processes.signal(recorder, 'SIGSTOP')
    await signal(recorded, 'SIGKILL')
    await sleep(random.below(200))
    await recorded.site.processes.signal(recorder, 'SIGCONT')
    return once(bySignal(recorded, 'killed'))
  },
  noProcesses: async (recorded, random) => {
    const { recorder } = await recorderNow(recorded)
    const permit = denyProcesses(recorder)
    await signal(recorded, 'SIGKILL')
    await isGoneWithin(recorded.server, GONE_MS)
    await sleep(random.below(400))
    await permit?.()
    return once(bySignal(recorded, 'killed'), ...(recorded.mode === 'watch' ? ANY_WATCH : []))
  },
  twoNames: async (recorded, random) => {
    const alsoAs = await secondName(recorded)
    await sleep(random.below(30))
    await signal(recorded, 'SIGKILL')
    return { ...once(bySignal(recorded, 'killed'), ...ANY_WATCH), alsoAs }
  },
  dismissed: async (recorded) => {
    const { state } = await dismissCanary({ identity: recorded.identity, ...recorded.site.location })
    if (state !== 'dismissed') throw drillFailed(`${recorded.identity} was not dismissed: ${state}`)
    await signal(recorded, 'SIGKILL')
    return silent
  },
} satisfies Record<string, RecorderAct>
