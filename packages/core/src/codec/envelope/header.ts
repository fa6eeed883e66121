import { isPersonality, isRuntime, type Personality, type Runtime } from '../../identity/identity.ts'

/** The sender that an envelope states. */
export interface Sender {
  readonly personality: Personality
  readonly runtime: Runtime
}

/** Reads the sender from the full attribute names, else from the compact ones; undefined if it is missing or invalid. */
export function senderOf(attributes: ReadonlyMap<string, string>): Sender | undefined {
  const personality = attributes.get('from-personality') ?? attributes.get('from')
  const runtime = attributes.get('from-runtime') ?? attributes.get('runtime')
  return isPersonality(personality) && isRuntime(runtime) ? { personality, runtime } : undefined
}

const ATTRIBUTE = /\s+([A-Za-z][A-Za-z0-9-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y

/**
 * Tests whether a tag `<iap ...>` starts an envelope: it has only attributes, and they state a sender. References such as
 * `&amp;` are not decoded, because a personality and a runtime never need one.
 */
export function isStartTag(tag: string): boolean {
  const attributes = new Map<string, string>()
  const end = tag.length - 1
  let at = '<iap'.length
  while (at < end) {
    ATTRIBUTE.lastIndex = at
    const match = ATTRIBUTE.exec(tag)
    if (match === null) return tag.slice(at, end).trim() === '' && senderOf(attributes) !== undefined
    const [, name = '', double, single] = match
    if (attributes.has(name)) return false
    attributes.set(name, double ?? single ?? '')
    at = ATTRIBUTE.lastIndex
  }
  return senderOf(attributes) !== undefined
}
