import { join } from 'node:path'
import type { SessionOwner, StoredSession } from './claude-sessions.ts'
import { firstField, headOf, newestFiles, realDirectory } from './session-files.ts'

const ROLLOUT = /rollout-.*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$/
/** How many of the newest rollout files are read. */
const MAX_FILES = 500

/** Returns the newest session of a directory, without the sessions of Codex subagents. */
export async function newestCodexSession({
  home,
  env,
  cwd,
}: SessionOwner): Promise<StoredSession | undefined> {
  const directory = join(env['CODEX_HOME'] || join(home, '.codex'), 'sessions')
  const wanted = await realDirectory(cwd)
  for (const { path, writtenMs } of (await newestFiles(directory, ROLLOUT, true)).slice(0, MAX_FILES)) {
    const [, id] = ROLLOUT.exec(path) ?? []
    const head = await headOf(path)
    if (id !== undefined && firstField(head, 'cwd') === wanted && !head.includes('"source":{"subagent"'))
      return { id, writtenMs }
  }
  return undefined
}
