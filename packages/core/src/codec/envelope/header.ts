import { isPersonality, isRuntime, type Personality, type Runtime } from '../../identity/identity.ts'

/** Who an envelope says it is from; the rest of its attributes may be anything. */
export interface Sender {
  readonly personality: Personality
  readonly runtime: Runtime
}

/** The sender by the full names of the attributes, else by the compact ones. */
export function senderOf(attributes: ReadonlyMap<string, string>): Sender | undefined {
  const personality = attributes.get('from-personality') ?? attributes.get('from')
  const runtime = attributes.get('from-runtime') ?? attributes.get('runtime')
  return isPersonality(personality) && isRuntime(runtime) ? { personality, runtime } : undefined
}

const ATTRIBUTE = /\s+([A-Za-z][A-Za-z0-9-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y

/**
 * Whether `<iap ...>` is the start of an envelope: attributes alone, and a sender among them. Values are looked at as
 * they stand, since neither a personality nor a runtime needs a reference.
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
