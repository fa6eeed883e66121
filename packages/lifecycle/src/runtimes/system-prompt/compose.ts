import type { PeerEntry } from '@iapeer/core/registry'
import { identityBlock, type PromptIdentity } from './identity-block.ts'

/** The parts of a system prompt in their order. Texts are the unchanged contents of files. */
export interface PromptLayers {
  readonly identity: PromptIdentity
  /** The shared `IAPEER.md`, then the personal one. */
  readonly doctrines: readonly string[]
  /** Every peer of the root, including the peer whose prompt this is. */
  readonly peers: readonly PeerEntry[]
  /** The other `*.md` next to each `IAPEER.md`, then `fragments/*.md`; shared before personal, in the order of their names. */
  readonly documents: readonly string[]
  /** Whether the agent has the tool that sends messages. @default false */
  readonly canSend?: boolean
}

const HOW_TO_SEND =
  'Send a message to a peer with the tool `send_to_peer`, or with `iapeer send` in a shell; `iapeer send --help` explains it.'

/** Removes the byte order mark, carriage returns, leading empty lines and trailing whitespace. */
function tidy(text: string): string {
  return text
    .replace(/^\ufeff/, '')
    .replace(/\r\n?/g, '\n')
    .replace(/^(?:[ \t]*\n)+/, '')
    .trimEnd()
}

/** Joins text to one line, so that the description of another peer cannot start a line of its own. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim()

const byName = (one: PeerEntry, other: PeerEntry): number => (one.personality < other.personality ? -1 : 1)

function peerSummary({ peers, identity: { name: self }, canSend = false }: PromptLayers): string {
  const lines = [...peers].sort(byName).map(({ personality, runtimes, description }) => {
    const text = oneLine(description)
    const mark = personality === self ? ' (you)' : ''
    return `- ${personality}${mark} [${runtimes.join(', ')}]${text === '' ? '' : `: ${text}`}`
  })
  const end = canSend ? ['', HOW_TO_SEND] : []
  return lines.length === 0 ? '' : ['# Peers on this host', '', ...lines, ...end].join('\n')
}

/** Joins the layers to one text with an empty line between them. Skips empty layers. */
export function composeSystemPrompt(layers: PromptLayers): string {
  const { identity, doctrines, documents } = layers
  const texts = [identityBlock(identity), ...doctrines.map(tidy), peerSummary(layers), ...documents.map(tidy)]
  return `${texts.filter((text) => text !== '').join('\n\n')}\n`
}
