import type { PeerEntry } from '@iapeer/core/registry'
import { identityBlock, type PromptIdentity } from './identity-block.ts'

/** What a system prompt is made of, in its order; texts are as their files hold them. */
export interface PromptLayers {
  readonly identity: PromptIdentity
  /** The shared `IAPEER.md`, then the personal one. */
  readonly doctrines: readonly string[]
  /** Every peer of the root, the one whose prompt this is among them. */
  readonly peers: readonly PeerEntry[]
  /** The other `*.md` beside each `IAPEER.md`, then those of `fragments/`: shared before personal, each by name. */
  readonly documents: readonly string[]
}

/** Without a byte order mark, carriage returns, empty lines before and blanks behind. */
function tidy(text: string): string {
  return text
    .replace(/^\ufeff/, '')
    .replace(/\r\n?/g, '\n')
    .replace(/^(?:[ \t]*\n)+/, '')
    .trimEnd()
}

/** What another peer says of itself stays on its line. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim()

const byName = (one: PeerEntry, other: PeerEntry): number => (one.personality < other.personality ? -1 : 1)

function peerSummary(peers: readonly PeerEntry[], self: string): string {
  const lines = [...peers].sort(byName).map(({ personality, runtimes, description }) => {
    const said = oneLine(description)
    const mark = personality === self ? ' (you)' : ''
    return `- ${personality}${mark} [${runtimes.join(', ')}]${said === '' ? '' : `: ${said}`}`
  })
  return lines.length === 0 ? '' : ['# Peers on this host', '', ...lines].join('\n')
}

/** The layers as one text, an empty line between them; one that is empty drops out. */
export function composeSystemPrompt(layers: PromptLayers): string {
  const { identity, doctrines, peers, documents } = layers
  const texts = [
    identityBlock(identity),
    ...doctrines.map(tidy),
    peerSummary(peers, identity.name),
    ...documents.map(tidy),
  ]
  return `${texts.filter((text) => text !== '').join('\n\n')}\n`
}
