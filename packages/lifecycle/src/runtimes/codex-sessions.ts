import { join } from 'node:path'
import type { KeptSession, SessionOwner } from './claude-sessions.ts'
import { firstField, headOf, newestFiles, realDirectory } from './session-files.ts'

const ROLLOUT = /rollout-.*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$/
/** Older ones than so many others are not asked whose they are. */
const MOST = 500

/** The newest session of a directory; those that an agent of Codex has started itself are not among them. */
export async function newestCodexSession({ home, env, cwd }: SessionOwner): Promise<KeptSession | undefined> {
  const directory = join(env['CODEX_HOME'] || join(home, '.codex'), 'sessions')
  const wanted = await realDirectory(cwd)
  for (const { path, writtenMs } of (await newestFiles(directory, ROLLOUT, true)).slice(0, MOST)) {
    const [, id] = ROLLOUT.exec(path) ?? []
    const head = await headOf(path)
    if (id !== undefined && firstField(head, 'cwd') === wanted && !head.includes('"source":{"subagent"'))
      return { id, writtenMs }
  }
  return undefined
}
