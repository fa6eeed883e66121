import { lstat, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canaryStatus, dismissCanary, generationPaths, recordPaths, startGuardedServer } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { makePrivateDirectory, removePrivateDirectory } from '@iapeer/drill'
import { type ExitRecord, parseExitsLog } from '@iapeer/forensics'
import { runTmux } from '@iapeer/tmux'
import { ifExists } from '../../if-exists.ts'

/** A guarded tmux server of the demo. */
export interface DemoServer {
  readonly identity: string
  readonly socketPath: string
  readonly process: ProcessId
  readonly gen: string
}

/** A private directory, and the servers that were started in it. */
export interface Sandbox {
  readonly directory: string
  readonly recordDir: string
  readonly servers: DemoServer[]
}

const LIMIT_MS = 4_000

/** Returns the error of a demo that did not work as expected. */
export const failed = (reason: string): IapeerError =>
  new IapeerError(`the demo failed: ${reason}`, {
    code: 'demo-failed',
    hint: 'Run iapeer demo --keep and inspect the files that it keeps.',
  })

/** Creates the directory. */
export async function openSandbox(): Promise<Sandbox> {
  const directory = await makePrivateDirectory('iapeer-demo-')
  return { directory, recordDir: join(directory, 'records'), servers: [] }
}

/** Starts a real, guarded tmux server that runs a small program. */
export async function startDemoServer(
  sandbox: Sandbox,
  identity: string,
  program: string,
): Promise<DemoServer> {
  const socketPath = join(sandbox.directory, `${identity}.sock`)
  const script = join(sandbox.directory, `${identity}.sh`)
  await writeFile(script, program, { mode: 0o600 })
  const { gen, server } = await startGuardedServer({ identity, socketPath, recordDir: sandbox.recordDir })
  if (gen === undefined) throw failed('IAPEER_RECORDS=off turns recording off')
  const demoServer = { identity, socketPath, process: server, gen }
  sandbox.servers.push(demoServer)
  const args = ['-N', 'new-session', '-d', '-s', identity, '-c', sandbox.directory, '/bin/sh', script]
  const created = await runTmux({ socketPath, args })
  if (created.exitCode !== 0) throw failed(`tmux could not create a session (${created.stderr})`)
  return demoServer
}

/** Polls until `look` returns a value. @param what names the value in the error */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + LIMIT_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw failed(`waited ${LIMIT_MS / 1000} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Returns the text of a file; undefined if it does not exist. */
export const contentOf = (path: string): Promise<string | undefined> => ifExists(readFile(path, 'utf8'))

export async function recordsOf(sandbox: Sandbox): Promise<readonly ExitRecord[]> {
  return parseExitsLog((await contentOf(recordPaths(sandbox).exitsLog)) ?? '').records
}

export interface RecordedDeath {
  readonly record: ExitRecord
  /** When the line reached the disk, by the file system's clock; milliseconds since the epoch. */
  readonly writtenMs: number
}

/** Waits for the record of a server's death. Call it before the next death, because its time is that of the whole log. */
export function waitForRecord(sandbox: Sandbox, { identity, gen }: DemoServer): Promise<RecordedDeath> {
  return waitFor(`the record of ${identity}`, async () => {
    const record = (await recordsOf(sandbox)).find((one) => one.gen === gen)
    const file = await ifExists(stat(recordPaths(sandbox).exitsLog))
    return record === undefined || file === undefined ? undefined : { record, writtenMs: file.mtimeMs }
  })
}

/** Whether a recorder has claimed the death of a server. */
export async function hasClaim({ recordDir }: Sandbox, { identity, gen }: DemoServer): Promise<boolean> {
  return (await ifExists(lstat(generationPaths({ identity, gen, recordDir }).claim))) !== undefined
}

/** Waits until the process of a server is gone. */
export async function waitForExit({ identity, process: server }: DemoServer): Promise<void> {
  await waitFor(`the exit of ${identity}`, async () =>
    (await observeProcess(server)) === 'gone' ? true : undefined,
  )
}

/** Waits until a server has no recorder any more. */
export async function waitForRecorder({ recordDir }: Sandbox, { identity }: DemoServer): Promise<void> {
  await waitFor(`the exit of the recorder of ${identity}`, async () =>
    (await canaryStatus({ identity, recordDir })).state === 'none' ? true : undefined,
  )
}

/** Kills the servers that are still running, and removes the directory unless `keep` is set. */
export async function closeSandbox(sandbox: Sandbox, keep: boolean): Promise<void> {
  for (const server of sandbox.servers) {
    await dismissCanary({ identity: server.identity, recordDir: sandbox.recordDir })
    if ((await observeProcess(server.process)) === 'alive') process.kill(server.process.pid, 'SIGKILL')
    await waitForExit(server)
    await waitForRecorder(sandbox, server)
  }
  if (!keep && !(await removePrivateDirectory(sandbox.directory)))
    throw failed(`${sandbox.directory} could not be removed`)
}
