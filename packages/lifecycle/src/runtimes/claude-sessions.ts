import { basename, join } from 'node:path'
import { firstField, headOf, newestFiles, realDirectory } from './session-files.ts'

/** Whose sessions are looked for. */
export interface SessionOwner {
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

/** A session that a runtime has written down. */
export interface KeptSession {
  readonly id: string
  /** In milliseconds since the epoch. */
  readonly writtenMs: number
}

const LONGEST = 200
const TRANSCRIPT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$/

/** How Claude Code 2.1 names the directory of a project: by its real path; a long one is cut, with a hash behind. */
export function claudeSlug(path: string): string {
  const slug = path.replace(/[^a-zA-Z0-9]/g, '-')
  if (slug.length <= LONGEST) return slug
  let hash = 0
  for (let at = 0; at < path.length; at++) hash = (hash * 31 + path.charCodeAt(at)) | 0
  return `${slug.slice(0, LONGEST)}-${Math.abs(hash).toString(36)}`
}

async function projectDirectory({ home, env, cwd }: SessionOwner): Promise<string> {
  return join(
    env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'),
    'projects',
    claudeSlug(await realDirectory(cwd)),
  )
}

/** The newest transcript of a directory; other directories may have the same slug, so it must name this one. */
export async function newestClaudeSession(owner: SessionOwner): Promise<KeptSession | undefined> {
  const cwd = await realDirectory(owner.cwd)
  for (const { path, writtenMs } of await newestFiles(await projectDirectory(owner), TRANSCRIPT)) {
    const of = firstField(await headOf(path), 'cwd')
    if (of === undefined || of === cwd) return { id: basename(path, '.jsonl'), writtenMs }
  }
  return undefined
}

/** When the newest session was last written to, by itself or by an agent that it has sent out. */
export async function claudeActivity(owner: SessionOwner): Promise<number | undefined> {
  const session = await newestClaudeSession(owner)
  if (session === undefined) return undefined
  const sentOut = join(await projectDirectory(owner), session.id, 'subagents')
  const [newest] = await newestFiles(sentOut, /\.jsonl$/)
  return Math.max(session.writtenMs, newest?.writtenMs ?? 0)
}
