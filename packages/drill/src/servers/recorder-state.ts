import { readFile } from 'node:fs/promises'
import { generationPaths } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { type ProcessId, parseProcessId } from '@iapeer/core/process'
import type { ServerSite } from './site.ts'

/** The processes in the state file of a recorder; undefined where it names none. */
export interface RecorderState {
  readonly recorder: ProcessId | undefined
  /** The tmux client that a watch holds. */
  readonly client: ProcessId | undefined
}

interface Recorded {
  readonly site: ServerSite
  readonly identity: string
  readonly gen: string
}

/** Reads the state file of a server's recorder; undefined once that is removed. Its processes then count as the site's own. */
export async function recorderOf({ site, identity, gen }: Recorded): Promise<RecorderState | undefined> {
  try {
    const text = await readFile(generationPaths({ identity, gen, ...site.location }).state, 'utf8')
    const idOf = (key: string) =>
      parseProcessId(new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '')
    const state = { recorder: idOf('recorder'), client: idOf('client') }
    for (const id of Object.values(state)) if (id !== undefined) site.processes.add(id)
    return state
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Waits until the recorder of a server has removed its state file. @returns whether it has */
export async function isSettledWithin(recorded: Recorded, limitMs: number): Promise<boolean> {
  const isSettled = async () => (await recorderOf(recorded)) === undefined
  return (await waitUntil(isSettled, { limitMs, everyMs: 10 })) === true
}
