/** Numbers of tokens, by how they are charged. `input` does not include what was read from a cache or written to it. */
export interface Tokens {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
}

/** Tokens by model. */
export type ModelTokens = Readonly<Record<string, Tokens>>

export const NO_TOKENS: Tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }

const plusTokens = (one: Tokens, other: Tokens): Tokens => ({
  input: one.input + other.input,
  output: one.output + other.output,
  cacheRead: one.cacheRead + other.cacheRead,
  cacheWrite: one.cacheWrite + other.cacheWrite,
})

/** Returns by how much each number has grown; a corrected, smaller number has not. */
export const grownBy = (now: Tokens, before: Tokens): Tokens => ({
  input: Math.max(0, now.input - before.input),
  output: Math.max(0, now.output - before.output),
  cacheRead: Math.max(0, now.cacheRead - before.cacheRead),
  cacheWrite: Math.max(0, now.cacheWrite - before.cacheWrite),
})

const sumOf = (tokens: Tokens): number => Object.values(tokens).reduce((sum, count) => sum + count, 0)

/** Returns what was added to a count that only grows; all of it where the count began anew. */
export const tokensSince = (now: Tokens, before: Tokens): Tokens =>
  sumOf(now) < sumOf(before) ? now : grownBy(now, before)

export const withTokens = (models: ModelTokens, model: string, tokens: Tokens): ModelTokens => ({
  ...models,
  [model]: plusTokens(Object.hasOwn(models, model) ? (models[model] ?? NO_TOKENS) : NO_TOKENS, tokens),
})

/** Adds the counts of several models. */
export const sumModels = (all: readonly ModelTokens[]): ModelTokens =>
  all
    .flatMap((models) => Object.entries(models))
    .reduce<ModelTokens>((sum, [model, tokens]) => withTokens(sum, model, tokens), {})

/** Returns the tokens of all models together. */
export const totalOf = (models: ModelTokens): Tokens =>
  Object.values(models).reduce((sum, tokens) => plusTokens(sum, tokens), NO_TOKENS)
