import { type Fields, fieldsOf, number, parseFields, text } from '@iapeer/core/json'
import { grownBy, type ModelTokens, NO_TOKENS, type Tokens, tokensSince, withTokens } from './tokens.ts'

/** What a conversation has used, and what is needed to count on from here. */
export interface TokenCount {
  readonly models: ModelTokens
  /** What the last turn has used. */
  readonly turn: ModelTokens
  readonly turnId?: string | undefined
  /** Of Claude Code: the last answers; a long one has several lines, each with its count so far. */
  readonly answers?: readonly (readonly [id: string, tokens: Tokens])[]
  /** Of Codex: the model, and the last count of the whole conversation. */
  readonly model?: string | undefined
  readonly total?: Tokens | undefined
  /** When the last counted line was written, in milliseconds since the epoch. */
  readonly lastMs?: number | undefined
  /**
   * Lines that are not newer than this are not counted: a fork of a conversation begins with a copy of it, which was counted there. In
   * milliseconds since the epoch.
   */
  readonly afterMs?: number | undefined
}

export const NO_COUNT: TokenCount = { models: {}, turn: {} }

/** The lines of one answer follow each other; those of sub-agents can come in between. */
const KEPT_ANSWERS = 32
/** The model of a message that Claude Code writes itself, such as an error. */
const SYNTHETIC = '<synthetic>'
const UNKNOWN_MODEL = 'unknown'

const countOf = (value: unknown): number => Math.max(0, number(value) ?? 0)

const timeOf = (fields: Fields): number => Date.parse(text(fields['timestamp']) ?? '') || 0

/** Whether a line is a copy of one that was counted elsewhere. */
const isCopy = ({ afterMs = 0 }: TokenCount, fields: Fields): boolean => {
  const atMs = timeOf(fields)
  return atMs > 0 && atMs <= afterMs
}

const withTime = (count: TokenCount, fields: Fields): TokenCount => ({
  ...count,
  lastMs: Math.max(count.lastMs ?? 0, timeOf(fields)),
})

const added = (count: TokenCount, model: string, tokens: Tokens): TokenCount => ({
  ...count,
  models: withTokens(count.models, model, tokens),
  turn: withTokens(count.turn, model, tokens),
})

function withAnswer(count: TokenCount, fields: Fields): TokenCount {
  const message = fieldsOf(fields['message'])
  const usage = fieldsOf(message['usage'])
  const [id, model] = [text(message['id']), text(message['model'])]
  if (id === undefined || model === undefined || model === SYNTHETIC) return count
  const tokens: Tokens = {
    input: countOf(usage['input_tokens']),
    output: countOf(usage['output_tokens']),
    cacheRead: countOf(usage['cache_read_input_tokens']),
    cacheWrite: countOf(usage['cache_creation_input_tokens']),
  }
  const { answers = [] } = count
  const before = answers.find(([known]) => known === id)?.[1] ?? NO_TOKENS
  const others = answers.filter(([known]) => known !== id)
  const kept = [...others, [id, tokens] as const].slice(-KEPT_ANSWERS)
  return { ...added(count, model, grownBy(tokens, before)), answers: kept }
}

/** Counts a line of a transcript of Claude Code (2.1), also of a sub-agent. Pure. */
export function countClaude(count: TokenCount, line: string): TokenCount {
  if (!/"type":"(?:assistant|user)"/.test(line)) return count
  const fields = parseFields(line)
  if (fields === undefined || isCopy(count, fields)) return count
  if (fields['type'] === 'assistant') return withAnswer(withTime(count, fields), fields)
  if (fields['type'] !== 'user' || fields['isSidechain'] === true) return count
  const turnId = text(fields['promptId'])
  return turnId === undefined || turnId === count.turnId ? count : { ...count, turn: {}, turnId }
}

/** Reads a count of Codex, whose `input_tokens` includes what was read from the cache. */
function codexTokens(value: unknown): Tokens {
  const usage = fieldsOf(value)
  const cacheRead = countOf(usage['cached_input_tokens'])
  return {
    input: Math.max(0, countOf(usage['input_tokens']) - cacheRead),
    output: countOf(usage['output_tokens']),
    cacheRead,
    cacheWrite: 0,
  }
}

/** Counts a line of a rollout of Codex (0.171), which has the count of the whole conversation. Pure. */
export function countCodex(count: TokenCount, line: string): TokenCount {
  if (!/"(?:turn_context|token_count|task_started)"/.test(line)) return count
  const record = parseFields(line) ?? {}
  const payload = fieldsOf(record['payload'])
  if (record['type'] === 'turn_context') return { ...count, model: text(payload['model']) ?? count.model }
  if (record['type'] !== 'event_msg') return count
  if (payload['type'] === 'task_started') return { ...count, turn: {}, turnId: text(payload['turn_id']) }
  const { total_token_usage: stated, last_token_usage: ofRequest } = fieldsOf(payload['info'])
  if (payload['type'] !== 'token_count' || stated === undefined) return count
  const total = codexTokens(stated)
  if (isCopy(count, record)) return { ...count, total }
  // A fork goes on with the count of its origin, so its first count says too much.
  const isFirst = count.total === undefined && ofRequest !== undefined
  const since = isFirst ? codexTokens(ofRequest) : tokensSince(total, count.total ?? NO_TOKENS)
  return { ...added(withTime(count, record), count.model ?? UNKNOWN_MODEL, since), total }
}
