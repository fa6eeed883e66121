import { basename, join } from 'node:path'
import { namesIn } from '@iapeer/core/storage'
import { firstField, headOf, newestFiles, realDirectory, writtenMs } from './session-files.ts'

/** The home, environment and working directory whose stored sessions are searched. */
export interface SessionOwner {
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

/** A conversation that a runtime has stored. */
export interface StoredSession {
  readonly id: string
  /** In milliseconds since the epoch. */
  readonly writtenMs: number
}

const MAX_SLUG = 200
const TRANSCRIPT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$/

/**
 * Returns the directory name that Claude Code 2.1 uses for a project: its real path, shortened and followed by a hash if it is
 * long.
 */
export function claudeSlug(path: string): string {
  const slug = path.replace(/[^a-zA-Z0-9]/g, '-')
  if (slug.length <= MAX_SLUG) return slug
  let hash = 0
  for (let at = 0; at < path.length; at++) hash = (hash * 31 + path.charCodeAt(at)) | 0
  return `${slug.slice(0, MAX_SLUG)}-${Math.abs(hash).toString(36)}`
}

async function projectDirectory({ home, env, cwd }: SessionOwner): Promise<string> {
  return join(
    env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'),
    'projects',
    claudeSlug(await realDirectory(cwd)),
  )
}

/**
 * Returns the newest transcript of a directory. Different directories can have the same slug, so a transcript that names
 * another one is skipped.
 */
export async function newestClaudeSession(owner: SessionOwner): Promise<StoredSession | undefined> {
  const cwd = await realDirectory(owner.cwd)
  for (const { path, writtenMs } of await newestFiles(await projectDirectory(owner), TRANSCRIPT)) {
    const recordedCwd = firstField(await headOf(path), 'cwd')
    if (recordedCwd === undefined || recordedCwd === cwd) return { id: basename(path, '.jsonl'), writtenMs }
  }
  return undefined
}

/**
 * Finds the transcripts of a conversation by its id, which is the name of their files.
 * @param directory that of Claude Code's files
 */
export async function transcriptsOf(directory: string, id: string): Promise<readonly string[]> {
  const projects = join(directory, 'projects')
  const names = await namesIn(projects, { ignoreMissingDirectory: true })
  const paths = names.map((name) => join(projects, name, `${id}.jsonl`))
  const written = await Promise.all(paths.map(writtenMs))
  return paths.filter((_path, at) => written[at] !== undefined)
}

/** Returns the transcript of a conversation; undefined if there is none, or more than one: see {@link transcriptsOf}. */
export async function transcriptOf(directory: string, id: string): Promise<string | undefined> {
  const [only, another] = await transcriptsOf(directory, id)
  return another === undefined ? only : undefined
}

/** Returns when the newest session or one of its subagents last wrote, in milliseconds since the epoch. */
export async function claudeActivity(owner: SessionOwner): Promise<number | undefined> {
  const session = await newestClaudeSession(owner)
  if (session === undefined) return undefined
  const subagents = join(await projectDirectory(owner), session.id, 'subagents')
  const [newest] = await newestFiles(subagents, /\.jsonl$/)
  return Math.max(session.writtenMs, newest?.writtenMs ?? 0)
}
