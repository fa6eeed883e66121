import { lstat, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canaryStatus, dismissCanary, generationPaths, recordPaths, startGuardedServer } from '@iapeer/canary'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { type ExitRecord, parseExitsLog } from '@iapeer/forensics'
import { runTmux } from '@iapeer/tmux'

/** One guarded tmux server of the demo. */
export interface Actor {
  readonly identity: string
  readonly socketPath: string
  readonly server: ProcessId
  readonly gen: string
}

/** A private directory with the servers that were started in it. */
export interface Stage {
  readonly directory: string
  readonly recordDir: string
  readonly actors: Actor[]
}

const LIMIT_MS = 4_000

export const failed = (what: string): IapeerError =>
  new IapeerError(`the demo did not go as it should: ${what}`, {
    code: 'demo-failed',
    hint: 'Run iapeer demo --keep and look into its directory.',
  })

/** Socket paths must be short: /tmp unless the system's own temporary directory is short too. */
export async function openStage(): Promise<Stage> {
  const parent = tmpdir().length <= 40 ? tmpdir() : '/tmp'
  const directory = await mkdtemp(join(parent, 'iapeer-demo-'))
  return { directory, recordDir: join(directory, 'records'), actors: [] }
}

/** Starts a real, guarded tmux server that runs a small program. */
export async function bringOn(stage: Stage, identity: string, program: string): Promise<Actor> {
  const socketPath = join(stage.directory, `${identity}.sock`)
  const script = join(stage.directory, `${identity}.sh`)
  await writeFile(script, program, { mode: 0o600 })
  const started = await startGuardedServer({ identity, socketPath, recordDir: stage.recordDir })
  if (started.gen === undefined) throw failed('IAPEER_RECORDS=off: nothing would be recorded')
  const actor = {
    identity,
    socketPath,
    server: started.server,
    gen: started.gen,
  }
  stage.actors.push(actor)
  const args = ['-N', 'new-session', '-d', '-s', identity, '-c', stage.directory, '/bin/sh', script]
  const made = await runTmux({ socketPath, args })
  if (made.exitCode !== 0) throw failed(`tmux made no session (${made.stderr})`)
  return actor
}

/** Polls until there is a value. */
export async function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + LIMIT_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw failed(`${what} did not come within ${LIMIT_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export const contentOf = (path: string): Promise<string | undefined> => ifThere(readFile(path, 'utf8'))

export async function recordsOf(stage: Stage): Promise<readonly ExitRecord[]> {
  return parseExitsLog((await contentOf(recordPaths(stage).exitsLog)) ?? '').records
}

export interface Recorded {
  readonly record: ExitRecord
  /** When the line reached the disk, by the file system's clock; milliseconds since the epoch. */
  readonly writtenMs: number
}

/** The record of an actor's death, as soon as its line is there. Call before the next death: the time is the log's own. */
export function recorded(stage: Stage, actor: Actor): Promise<Recorded> {
  return soon(`the record of ${actor.identity}`, async () => {
    const record = (await recordsOf(stage)).find((one) => one.gen === actor.gen)
    const file = await ifThere(stat(recordPaths(stage).exitsLog))
    return record === undefined || file === undefined ? undefined : { record, writtenMs: file.mtimeMs }
  })
}

export async function hasClaim(stage: Stage, actor: Actor): Promise<boolean> {
  const { claim } = generationPaths({ identity: actor.identity, gen: actor.gen, recordDir: stage.recordDir })
  return (await ifThere(lstat(claim))) !== undefined
}

export async function gone(actor: Actor): Promise<void> {
  await soon(`the end of ${actor.identity}`, async () =>
    (await observeProcess(actor.server)) === 'gone' ? true : undefined,
  )
}

/** Waits until no recorder is at work for an actor. */
export async function watchOver(stage: Stage, actor: Actor): Promise<void> {
  const target = { identity: actor.identity, recordDir: stage.recordDir }
  await soon(`the end of the watch over ${actor.identity}`, async () =>
    (await canaryStatus(target)).state === 'none' ? true : undefined,
  )
}

/** Ends whatever is left, and takes the directory away unless it is to be kept. */
export async function closeStage(stage: Stage, keep: boolean): Promise<void> {
  for (const actor of stage.actors) {
    await dismissCanary({ identity: actor.identity, recordDir: stage.recordDir })
    if ((await observeProcess(actor.server)) === 'alive') process.kill(actor.server.pid, 'SIGKILL')
    await gone(actor)
    await watchOver(stage, actor)
  }
  if (!keep) await rm(stage.directory, { recursive: true, force: true })
}
