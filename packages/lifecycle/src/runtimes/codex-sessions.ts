import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fieldsOf, parseFields } from '@iapeer/core/json'
import type { SessionOwner, StoredSession } from './claude-sessions.ts'
import type { SetPermissions } from './codex-arguments.ts'
import { firstField, headOf, newestFiles, realDirectory } from './session-files.ts'

const ROLLOUT = /rollout-.*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$/
/** How many of the newest rollout files are read. */
const MAX_FILES = 500

/** Returns the directory of Codex's files. */
export const codexDirectory = ({ home, env }: Pick<SessionOwner, 'home' | 'env'>): string =>
  env['CODEX_HOME'] || join(home, '.codex')

const sessionsDirectory = (owner: SessionOwner): string => join(codexDirectory(owner), 'sessions')

/** Returns the rollout of a session by its id; undefined if it has none. */
export async function rolloutOf(owner: SessionOwner, id: string): Promise<string | undefined> {
  const name = new RegExp(`rollout-.*${id.replace(/[^0-9a-f-]/g, '.')}\\.jsonl$`)
  const [found] = await newestFiles(sessionsDirectory(owner), name, true)
  return found?.path
}

/** Returns the newest session of a directory, without the sessions of Codex subagents. */
export async function newestCodexSession(owner: SessionOwner): Promise<StoredSession | undefined> {
  const directory = sessionsDirectory(owner)
  const wanted = await realDirectory(owner.cwd)
  for (const { path, writtenMs } of (await newestFiles(directory, ROLLOUT, true)).slice(0, MAX_FILES)) {
    const [, id] = ROLLOUT.exec(path) ?? []
    const head = await headOf(path)
    if (id !== undefined && firstField(head, 'cwd') === wanted && !head.includes('"source":{"subagent"'))
      return { id, writtenMs }
  }
  return undefined
}

/** How much of the end of a rollout is searched for the permissions of its last turn. */
const TAIL_BYTES = 8 * 1024 * 1024

async function tailOf(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const from = Math.max(0, size - TAIL_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

/**
 * Returns whether a stored session has these permissions, as of its last turn and its last settings. A session that is resumed by an
 * app-server keeps its own, whatever the app-server is started with.
 * @returns false also if that is unknown
 */
export async function hasPermissionsOf(
  owner: SessionOwner,
  id: string,
  { approval, sandbox }: SetPermissions,
): Promise<boolean> {
  const path = await rolloutOf(owner, id)
  if (path === undefined || approval === undefined || sandbox === undefined) return false
  const records = (await tailOf(path))
    .split('\n')
    .filter((line) => line.includes('"turn_context"') || line.includes('"thread_settings_applied"'))
    .map((line) => parseFields(line) ?? {})
  const payloadOf = (test: (record: (typeof records)[number]) => boolean) =>
    fieldsOf(records.findLast(test)?.['payload'])
  const turn = payloadOf(({ type }) => type === 'turn_context')
  const settings = fieldsOf(
    payloadOf(({ payload }) => fieldsOf(payload)['type'] === 'thread_settings_applied')['thread_settings'],
  )
  const isUnconfined = fieldsOf(settings['permission_profile'])['type'] === 'disabled'
  return (
    turn['approval_policy'] === approval &&
    fieldsOf(turn['sandbox_policy'])['type'] === sandbox &&
    settings['approval_policy'] === approval &&
    isUnconfined === (sandbox === 'danger-full-access')
  )
}
