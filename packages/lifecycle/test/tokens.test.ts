import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toIdentity } from '@iapeer/core/identity'
import { parsePrices, priceOf } from '@iapeer/core/settings'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { linesFrom } from '../src/conversations/lines.ts'
import { costOfModels } from '../src/tokens/cost.ts'
import { countClaude, countCodex, NO_COUNT } from '../src/tokens/count.ts'
import { type ModelTokens, totalOf } from '../src/tokens/tokens.ts'
import { allTokens, readTokensFile, writeTokensFile } from '../src/tokens/tokens-file.ts'

const track = asyncCleanups()
const recorded = (name: string): readonly string[] =>
  readFileSync(fileURLToPath(new URL(`fixtures/turns/${name}`, import.meta.url)), 'utf8')
    .trimEnd()
    .split('\n')

const answer = (id: string, output: number, more: object = {}): string =>
  JSON.stringify({
    type: 'assistant',
    message: { id, model: 'm', usage: { input_tokens: 10, output_tokens: output, ...more } },
  })
const prompt = (promptId: string): string =>
  JSON.stringify({ type: 'user', promptId, message: { content: 'x' } })

describe('the tokens of Claude Code', () => {
  it('are those of each answer of a recorded session, once, without its own messages about errors', () => {
    const lines = recorded('claude-transcript.jsonl')
    const ids = new Set(lines.flatMap((line) => /"id":"(msg_\d+)"/.exec(line)?.[1] ?? []))
    const count = lines.reduce(countClaude, NO_COUNT)
    expect(count.models).toEqual({
      fake: { input: 7 * ids.size, output: 5 * ids.size, cacheRead: 0, cacheWrite: 0 },
    })
  })

  it('of an answer with several lines are its last count, also if a sub-agent answers in between', () => {
    const lines = [prompt('t1'), answer('a', 1), answer('b', 7), answer('a', 5), answer('a', 5)]
    expect(totalOf(lines.reduce(countClaude, NO_COUNT).models)).toMatchObject({ input: 20, output: 12 })
  })

  it('of the last turn begin anew with a prompt, not with the result of a tool', () => {
    const toolResult = JSON.stringify({
      type: 'user',
      promptId: 't2',
      message: { content: [{ type: 'tool_result' }] },
    })
    const lines = [prompt('t1'), answer('a', 1), prompt('t2'), answer('b', 2), toolResult, answer('c', 3)]
    expect(totalOf(lines.reduce(countClaude, NO_COUNT).turn)).toMatchObject({ output: 5 })
  })
})

it('the tokens of Codex are its count of the conversation; a count that begins anew is added', () => {
  const count = recorded('codex-rollout.jsonl').reduce(countCodex, NO_COUNT)
  expect(count.models).toEqual({ fake: { input: 28, output: 20, cacheRead: 0, cacheWrite: 0 } })
  const line = (input: number, cached: number): string =>
    JSON.stringify({
      type: 'event_msg',
      payload: {
        type: 'token_count',
        info: { total_token_usage: { input_tokens: input, cached_input_tokens: cached, output_tokens: 1 } },
      },
    })
  const again = [line(100, 40), line(30, 10)].reduce(countCodex, NO_COUNT)
  expect(again.models).toEqual({ unknown: { input: 80, output: 2, cacheRead: 50, cacheWrite: 0 } })
})

it('a fork of a conversation of Codex goes on with its count, and counts what it adds', () => {
  const line = (total: number, last: number): string =>
    JSON.stringify({
      type: 'event_msg',
      payload: {
        type: 'token_count',
        info: { total_token_usage: { input_tokens: total }, last_token_usage: { input_tokens: last } },
      },
    })
  const count = [line(42, 7), line(49, 7)].reduce(countCodex, NO_COUNT)
  expect(totalOf(count.models).input).toBe(14)
})

it('a fork counts what it adds: the copy at its beginning is older than what was counted', () => {
  const at = (line: string, timestamp: string): string => JSON.stringify({ ...JSON.parse(line), timestamp })
  const copied = [at(answer('a', 1), '2026-11-29T10:00:00Z'), at(answer('b', 2), '2026-11-29T10:01:00Z')]
  const first = copied.reduce(countClaude, NO_COUNT)
  const fork = [...copied, at(answer('c', 4), '2026-11-29T10:02:00Z')]
  const counted = fork.reduce(countClaude, { ...NO_COUNT, afterMs: first.lastMs })
  expect([totalOf(first.models).output, totalOf(counted.models).output]).toEqual([3, 4])
})

it('a corrected, smaller number is not counted again, and a model can have any name', () => {
  const lines = [
    answer('a', 1_000),
    answer('a', 990),
    answer('b', 5).replace('"model":"m"', '"model":"constructor"'),
  ]
  const { models } = lines.reduce(countClaude, NO_COUNT)
  expect([models['m']?.output, models['constructor']?.output]).toEqual([1_000, 5])
})

describe('what tokens cost', () => {
  const prices = parsePrices('claude-opus-*=5/25/0.5/6.25; claude-opus-5-5=10/50; gpt-6=2/8/0.2') ?? []
  const tokens = { input: 1_000_000, output: 100_000, cacheRead: 0, cacheWrite: 0 }

  it.each([
    ['claude-opus-5-5', 10],
    ['claude-opus-4', 5],
    ['gpt-6', 2],
    ['gpt-6-mini', undefined],
    ['opus', undefined],
  ])('the price of %s is that of its name, else of the longest beginning', (model, input) => {
    expect(priceOf(prices, model)?.input).toBe(input)
  })

  it.each(['x', 'x=1', 'x=1/2/3/4/5', '=1/2', 'x=1/-2', 'x=1/two'])(
    '"%s" is not a table of prices',
    (text) => {
      expect(parsePrices(text)).toBeUndefined()
    },
  )

  it('is not guessed: a model without a price, or with cached tokens that have none, is named', () => {
    const models: ModelTokens = {
      'claude-opus-4': { ...tokens, cacheRead: 2_000_000 },
      'claude-opus-5-5': { ...tokens, cacheRead: 1 },
      unknown: tokens,
    }
    const cost = costOfModels(models, { prices, currency: 'EUR' })
    expect(cost).toEqual({ amount: 8.5, currency: 'EUR', unpriced: ['claude-opus-5-5', 'unknown'] })
  })
})

describe('the file of the tokens of an identity', () => {
  const IDENTITY = toIdentity('claude-bob')
  function newRoot(): string {
    const { path, remove } = privateDirectory()
    track(remove)
    mkdirSync(join(path, 'state', 'lifecycle'), { recursive: true })
    return path
  }
  const conversation = (id: string) => ({
    ...{ id, at: '2026-11-29T10:00:00.000Z', files: { '/f': { inode: '1', offset: 9 } } },
    count: [prompt('t'), answer(id, 1)].reduce(countClaude, NO_COUNT),
  })

  it('is read as it was written, and keeps the sum of old conversations', async () => {
    const root = newRoot()
    const conversations = Array.from({ length: 25 }, (_, at) => conversation(`c${at}`))
    await writeTokensFile(root, IDENTITY, { conversations, earlier: {} })
    const usage = await readTokensFile(root, IDENTITY)
    expect(usage.conversations).toHaveLength(20)
    expect(usage.conversations.at(-1)).toMatchObject(conversation('c24'))
    expect(allTokens(usage)).toEqual({ m: { input: 250, output: 25, cacheRead: 0, cacheWrite: 0 } })
  })

  it('is set aside if it is corrupt', async () => {
    const root = newRoot()
    writeFileSync(join(root, 'state', 'lifecycle', 'claude-bob.tokens'), 'not json')
    expect(await readTokensFile(root, IDENTITY)).toEqual({ conversations: [], earlier: {} })
    expect(readFileSync(join(root, 'state', 'lifecycle', 'claude-bob.tokens.corrupt'), 'utf8')).toBe(
      'not json',
    )
  })
})

it('the lines of a growing file are read once each, a half line later, and a replaced file from its start', async () => {
  const { path, remove } = privateDirectory()
  track(remove)
  const file = join(path, 'f')
  const read = async (from: object) => {
    const found = []
    for await (const line of linesFrom(file, from)) found.push(line)
    return found
  }
  expect(await read({})).toEqual([])
  writeFileSync(file, 'one\ntwo\nthr')
  const first = await read({})
  expect(first.map(({ line }) => line)).toEqual(['one', 'two'])
  appendFileSync(file, 'ee\n')
  const second = await read(first.at(-1)?.position ?? {})
  expect(second.map(({ line }) => line)).toEqual(['three'])
  writeFileSync(`${file}.new`, 'other\n')
  renameSync(`${file}.new`, file)
  expect((await read(second.at(-1)?.position ?? {})).map(({ line }) => line)).toEqual(['other'])
})
