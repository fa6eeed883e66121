import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { number, parseFields, text } from '@iapeer/core/json'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { namesIn, readRegularFile } from '@iapeer/core/storage'

/** Returns the process that a sessions file is of, if it says that it is in the conversation. */
async function processIn(path: string, id: string): Promise<ProcessId | undefined> {
  const fields = parseFields((await readRegularFile(path))?.text ?? '') ?? {}
  const [pid, token] = [number(fields['pid']), text(fields['procStart'])]
  return fields['sessionId'] === id && pid !== undefined && token !== undefined ? { pid, token } : undefined
}

/**
 * Returns the running Claude Code that is in a conversation, by the files that each one writes for itself.
 * @param directory that of Claude Code's files
 * @returns undefined also if those files cannot be read
 */
export async function claudeHolder(directory: string, id: string): Promise<ProcessId | undefined> {
  const sessions = join(directory, 'sessions')
  try {
    for (const name of await namesIn(sessions, { ignoreMissingDirectory: true })) {
      const found = name.endsWith('.json') ? await processIn(join(sessions, name), id) : undefined
      if (found !== undefined && (await observeProcess(found)) !== 'gone') return found
    }
    return undefined
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return undefined
  }
}
