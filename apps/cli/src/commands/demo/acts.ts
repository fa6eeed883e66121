import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generationPaths } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { readIfExists } from '@iapeer/core/storage'
import {
  compare,
  type Expected,
  type Found,
  observeServer,
  type RecordedServer,
  stopServer,
  tmuxOn,
} from '@iapeer/drill'
import { type ExitRecord, judge, parseSnapshot, parseWitness, type Verdict } from '@iapeer/forensics'
import { ifExists } from '../../if-exists.ts'

const WAIT_MS = 4_000
/** A record that takes longer fails the demo; it usually takes a few milliseconds. */
const RECORD_MS = 2_000

/** Returns the error of a demo that did not work as expected. */
export const failed = (reason: string, cause?: unknown): IapeerError =>
  new IapeerError(`the demo failed: ${reason}`, {
    code: 'demo-failed',
    hint: 'Run iapeer demo --keep and inspect the files that it keeps.',
    cause,
  })

/** Returns the error of a demo for a server that could not be started; other errors name what is missing. */
export const asDemoError = (error: unknown): unknown =>
  isIapeerError(error) && error.code === 'drill-failed' ? failed(error.message, error) : error

export interface JudgedDeath {
  readonly server: RecordedServer
  /** How the server was killed, for the output. */
  readonly how: string
  readonly record: ExitRecord
  readonly verdict: Verdict
  /** From the kill until the record was read, in milliseconds. */
  readonly tookMs: number
}

interface Killed {
  readonly how: string
  readonly killedMs: number
  readonly expected: Expected
}

/** @throws IapeerError `demo-failed` */
function assertExpected({ identity }: RecordedServer, expected: Expected, found: Found): void {
  const [problem] = compare(expected, found, { isRestarted: false, hasMail: false })
  if (problem !== undefined) throw failed(`${identity}: ${problem.what}`)
}

function verdictOf({ identity, gen, site }: RecordedServer, record: ExitRecord): Verdict {
  const { snapshot, witness } = generationPaths({ identity, gen, ...site.location })
  return judge(record, {
    snapshot: parseSnapshot(readIfExists(snapshot) ?? ''),
    witness: parseWitness(readIfExists(witness) ?? ''),
  })
}

/** Waits for the record of a death, judges it, and checks both. */
async function judgeDeath(server: RecordedServer, { how, killedMs, expected }: Killed): Promise<JudgedDeath> {
  const seen = await server.site.records.waitFor(server.gen, WAIT_MS)
  if (seen === undefined) throw failed(`waited ${WAIT_MS / 1000} s for the record of ${server.identity}`)
  const { record, seenMs } = seen
  const found = await observeServer(server, { limitMs: WAIT_MS })
  const verdict = verdictOf(server, record)
  assertExpected(server, expected, { ...found, verdict: verdict.verdict })
  const tookMs = seenMs - killedMs
  if (tookMs >= RECORD_MS) throw failed(`the record of ${server.identity} took ${Math.round(tookMs)} ms`)
  return { server, how, record, verdict, tookMs }
}

const KILLED = { records: [1], event: 'server-exit', runs: 'no' } as const

/** Kills a server with SIGKILL. */
export async function kill(server: RecordedServer): Promise<JudgedDeath> {
  const killedMs = Date.now()
  await server.site.processes.signal(server.server, 'SIGKILL')
  const expected: Expected = { ...KILLED, causes: ['killed'], verdicts: ['killed-by-signal'] }
  return judgeDeath(server, { how: 'kill -9', killedMs, expected })
}

/** Runs a script in a pane of the server `from`: it notes the time in a file, then runs `tmux kill-server`. */
export async function killByScript(server: RecordedServer, from: RecordedServer): Promise<JudgedDeath> {
  const { directory } = server.site
  const script = join(directory, 'cleanup.sh')
  await writeFile(script, 'touch "$2"\ntmux -S "$1" kill-server\n', { mode: 0o600 })
  const moment = join(directory, 'moment')
  const argv = ['/bin/sh', script, server.socketPath, moment]
  const { exitCode, stderr } = await tmuxOn(from, 'new-window', '-d', '-t', `=${from.identity}:`, ...argv)
  if (exitCode !== 0) throw failed(`the script could not be started (${stderr})`)
  const noted = await waitUntil(() => ifExists(stat(moment)), { limitMs: WAIT_MS, everyMs: 2 })
  if (noted === undefined) throw failed(`waited ${WAIT_MS / 1000} s for the script`)
  const expected: Expected = { ...KILLED, causes: ['killed-by-command'], verdicts: ['killed-by-command'] }
  const how = 'a script: tmux kill-server'
  const death = await judgeDeath(server, { how, killedMs: noted.mtimeMs, expected })
  if (death.verdict.killer?.ancestors.some(({ command }) => command.includes('cleanup.sh')) !== true)
    throw failed('the script that ran kill-server was not named')
  return death
}

/** Stops a server on purpose, and checks that no death is recorded. */
export async function stop(server: RecordedServer): Promise<void> {
  await stopServer(server, 'iapeer demo')
  const found = await observeServer(server, { limitMs: WAIT_MS })
  assertExpected(server, { records: [0], runs: 'no' }, found)
}
