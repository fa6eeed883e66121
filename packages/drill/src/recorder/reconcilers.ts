import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.ts'
import type { ServerSite } from '../servers/site.ts'
import { startOtherProcess } from './other-process.ts'

/** Runs reconcilers one after another, and kills some of them, until it is told to stop. */
export function startReconcilers(site: ServerSite, random: Random): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const other = await startOtherProcess(site, { job: 'reconcile', location: site.location })
      if (random.below(2) === 0) {
        await sleep(60 + random.below(120))
        await other.kill()
      } else await other.ended
      await sleep(50 + random.below(200))
    }
  }
  const running = run()
  // `stop` returns a failure; until then it is not an unhandled one.
  running.catch(() => undefined)
  return {
    stop: () => {
      stopping.abort()
      return running
    },
  }
}
