import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import type { PeerProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { replaceFile, scaffoldRoot } from '@iapeer/core/storage'
import { composeSystemPrompt } from './compose.ts'
import { readPromptLayers } from './read-layers.ts'

/**
 * Writes the system prompt of a peer to `<root>/state/prompts/<personality>.md` (mode 0600, replaced atomically). Removes the
 * file of a peer that has no system prompt. On any error the older file stays.
 * @param options.canSend whether the agent has the tool that sends messages
 * @returns the path; undefined for a peer without an `IAPEER.md` of its own
 * @throws those of {@link readPromptLayers} and `scaffoldRoot`; the Node system error
 */
export async function writeSystemPrompt(
  root: string,
  entry: PeerEntry,
  profile: PeerProfile,
  { now = new Date(), canSend = false }: { readonly now?: Date; readonly canSend?: boolean } = {},
): Promise<string | undefined> {
  const layout = rootLayout(root)
  const path = join(layout.promptsDir, `${entry.personality}.md`)
  const layers = await readPromptLayers({ root, entry, profile, now })
  if (layers === undefined) {
    await rm(path, { force: true })
    return undefined
  }
  await scaffoldRoot(layout)
  await replaceFile(path, composeSystemPrompt({ ...layers, canSend }))
  return path
}
