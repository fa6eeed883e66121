import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { type Fields, fieldsOf, list, number, parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { quarantine, readRegularFile, replaceFile } from '@iapeer/core/storage'
import type { FilePosition } from '../conversations/index.ts'
import { ignoreUnreadable } from '../sessions/index.ts'
import { NO_COUNT, type TokenCount } from './count.ts'
import { type ModelTokens, sumModels, type Tokens } from './tokens.ts'

/** A conversation that an identity has used tokens in. */
export interface CountedConversation {
  readonly id: string
  /** When it was last counted, ISO-8601 UTC. */
  readonly at: string
  /** How far its files were counted: the conversation, and those of its sub-agents. */
  readonly files: Readonly<Record<string, FilePosition>>
  readonly count: TokenCount
}

/** The tokens that an identity has used: `state/lifecycle/<identity>.tokens`. */
export interface CountedTokens {
  /** The last one is the newest. */
  readonly conversations: readonly CountedConversation[]
  /** What older conversations have used. */
  readonly earlier: ModelTokens
}

/** Of older conversations only the sum is kept. */
const MOST_CONVERSATIONS = 20
const EMPTY: CountedTokens = { conversations: [], earlier: {} }

const pathOf = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.tokens`)

function parseTokens(value: unknown): Tokens {
  const fields = fieldsOf(value)
  const count = (name: keyof Tokens): number => Math.max(0, number(fields[name]) ?? 0)
  return {
    input: count('input'),
    output: count('output'),
    cacheRead: count('cacheRead'),
    cacheWrite: count('cacheWrite'),
  }
}

const parseModels = (value: unknown): ModelTokens =>
  Object.fromEntries(Object.entries(fieldsOf(value)).map(([model, tokens]) => [model, parseTokens(tokens)]))

function parseCount(value: unknown): TokenCount {
  const fields = fieldsOf(value)
  const answers = list(fields['answers']).flatMap((one): [string, Tokens][] => {
    const [id, tokens] = list(one)
    const known = text(id)
    return known === undefined ? [] : [[known, parseTokens(tokens)]]
  })
  const total = fields['total']
  return {
    ...NO_COUNT,
    models: parseModels(fields['models']),
    turn: parseModels(fields['turn']),
    turnId: text(fields['turnId']),
    model: text(fields['model']),
    lastMs: number(fields['lastMs']),
    afterMs: number(fields['afterMs']),
    ...(answers.length === 0 ? {} : { answers }),
    ...(total === undefined ? {} : { total: parseTokens(total) }),
  }
}

function parsePosition(value: unknown): FilePosition {
  const fields = fieldsOf(value)
  return { inode: text(fields['inode']), offset: number(fields['offset']) }
}

function parseConversation(value: unknown): CountedConversation[] {
  const fields = fieldsOf(value)
  const [id, at] = [text(fields['id']), text(fields['at'])]
  if (id === undefined || at === undefined) return []
  const files = Object.entries(fieldsOf(fields['files'])).map(([path, one]) => [path, parsePosition(one)])
  return [{ id, at, files: Object.fromEntries(files), count: parseCount(fields['count']) }]
}

const parseCounted = (fields: Fields): CountedTokens => ({
  conversations: list(fields['conversations']).flatMap(parseConversation),
  earlier: parseModels(fields['earlier']),
})

/** Reads the tokens of an identity; empty where there are none, or the file cannot be read. A corrupt file is set aside as `<name>.corrupt`. */
export async function readTokensFile(root: string, identity: Identity): Promise<CountedTokens> {
  const path = pathOf(root, identity)
  const found = await readRegularFile(path).catch(ignoreUnreadable)
  if (found === undefined) return EMPTY
  const fields = parseFields(found.text)
  if (fields === undefined) quarantine(path, { text: found.text })
  return fields === undefined ? EMPTY : parseCounted(fields)
}

/** Writes the tokens of an identity. */
export async function writeTokensFile(
  root: string,
  identity: Identity,
  counted: CountedTokens,
): Promise<void> {
  const { conversations, earlier } = counted
  const older = conversations.slice(0, Math.max(0, conversations.length - MOST_CONVERSATIONS))
  const kept: CountedTokens = {
    conversations: conversations.slice(-MOST_CONVERSATIONS),
    earlier: sumModels([earlier, ...older.map(({ count }) => count.models)]),
  }
  await replaceFile(pathOf(root, identity), `${JSON.stringify({ schemaVersion: 1, ...kept })}\n`)
}

/** Returns the tokens of all conversations, by model. */
export const allTokens = ({ conversations, earlier }: CountedTokens): ModelTokens =>
  sumModels([earlier, ...conversations.map(({ count }) => count.models)])
