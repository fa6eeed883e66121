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

/** Returns what was added since an earlier count; all of it where the count began anew. */
export function tokensSince(now: Tokens, before: Tokens): Tokens {
  const minus: Tokens = {
    input: now.input - before.input,
    output: now.output - before.output,
    cacheRead: now.cacheRead - before.cacheRead,
    cacheWrite: now.cacheWrite - before.cacheWrite,
  }
  return Object.values(minus).some((count) => count < 0) ? now : minus
}

export const withTokens = (models: ModelTokens, model: string, tokens: Tokens): ModelTokens => ({
  ...models,
  [model]: plusTokens(models[model] ?? NO_TOKENS, tokens),
})

/** Adds the counts of several models. */
export const sumModels = (all: readonly ModelTokens[]): ModelTokens =>
  all
    .flatMap((models) => Object.entries(models))
    .reduce<ModelTokens>((sum, [model, tokens]) => withTokens(sum, model, tokens), {})

/** Returns the tokens of all models together. */
export const totalOf = (models: ModelTokens): Tokens =>
  Object.values(models).reduce((sum, tokens) => plusTokens(sum, tokens), NO_TOKENS)
