import { createRequire } from 'node:module'
import type { IntentTarget } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { followProgram } from '@iapeer/core/exec'
import { identifyProcess } from '@iapeer/core/process'
import { drillFailed } from '../errors.ts'
import type { ServerSite } from '../servers/site.ts'

const ANSWER_MS = 20_000

/** What another process does: it declares an intent, or reconciles once. */
export type OtherJob =
  | { readonly job: 'declare'; readonly target: IntentTarget }
  | { readonly job: 'reconcile'; readonly location: ServerSite['location'] }

/** A process that uses the canary, and that can be killed meanwhile. */
export interface OtherProcess {
  /** Resolves when it has exited. */
  readonly ended: Promise<void>
  /** Waits until it has printed a line. @throws IapeerError `drill-failed` */
  readonly answer: (wanted: string) => Promise<void>
  /** Sends it a line, and waits for its answer. @throws IapeerError `drill-failed` */
  readonly ask: (line: string, wanted: string) => Promise<void>
  /** Kills it, and waits until it has exited. */
  readonly kill: () => Promise<void>
}

/** Starts a process that does a job. */
export async function startOtherProcess({ processes }: ServerSite, job: OtherJob): Promise<OtherProcess> {
  const program = createRequire(import.meta.url).resolve('@iapeer/drill/other-process')
  const lines: string[] = []
  const { pid, ended, write } = await followProgram([process.execPath, program, JSON.stringify(job)], {
    env: process.env,
    onLine: (line) => lines.push(line),
  })
  const id = await identifyProcess(pid)
  if (id !== undefined) processes.add(id)
  const answer = async (wanted: string): Promise<void> => {
    const found = await waitUntil(() => lines.includes(wanted), { limitMs: ANSWER_MS, everyMs: 5 })
    if (found !== true) throw drillFailed(`another process printed ${lines.join(', ')}, but not ${wanted}`)
  }
  return {
    ended,
    answer,
    ask: async (line, wanted) => {
      write(`${line}\n`)
      await answer(wanted)
    },
    kill: async () => {
      if (id !== undefined) await processes.signal(id, 'SIGKILL')
      await ended
    },
  }
}
