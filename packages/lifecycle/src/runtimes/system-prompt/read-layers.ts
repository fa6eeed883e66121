import { hostname, release, type as systemName, userInfo } from 'node:os'
import { errnoOf } from '@iapeer/core/errors'
import { type PeerProfile, peerDirectory } from '@iapeer/core/profile'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import type { PromptLayers } from './compose.ts'
import { readDocuments } from './documents.ts'
import type { PromptIdentity } from './identity-block.ts'

/** The peer whose prompt is composed, and the time. */
export interface PromptRequest {
  readonly root: string
  readonly entry: PeerEntry
  readonly profile: PeerProfile
  readonly now: Date
}

function userName(): string {
  try {
    return userInfo().username
  } catch (error) {
    // The user has no entry in the password database.
    if (errnoOf(error) === undefined) throw error
    return process.env['USER'] || String(process.getuid?.() ?? '')
  }
}

function dayOf(now: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`
}

function identityOf({ entry, profile, now }: PromptRequest): PromptIdentity {
  return {
    name: entry.personality,
    description: profile.description,
    cwd: entry.cwd,
    platform: process.platform,
    osVersion: `${systemName()} ${release()}`,
    user: userName(),
    host: hostname(),
    date: dayOf(now),
  }
}

/**
 * Reads the parts of a peer's system prompt.
 * @returns undefined for a peer without an `IAPEER.md` of its own, which starts without a system prompt
 * @throws those of `listPeers`; IapeerError `prompt-too-large`, `prompt-not-text`, `unusable-file`, `not-a-directory`,
 *   `outside-root` (an `IAPEER.md` that is a symbolic link out of its root); the Node system error
 */
export async function readPromptLayers(request: PromptRequest): Promise<PromptLayers | undefined> {
  const { root, entry } = request
  const personal = await readDocuments(peerDirectory(entry.home))
  if (personal.doctrine === undefined) return undefined
  const shared = await readDocuments(root)
  return {
    identity: identityOf(request),
    doctrines: [shared.doctrine ?? '', personal.doctrine],
    peers: await listPeers(root),
    documents: [...shared.others, ...personal.others, ...shared.fragments, ...personal.fragments],
  }
}
