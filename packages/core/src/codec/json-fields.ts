/** An object from outside; what its fields hold is not known yet. */
export type Fields = Readonly<Record<string, unknown>>

/** Its fields; none where it is no object. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? { ...value } : {}

export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
export const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** One of the words that are expected. */
export function word<T extends string>(value: unknown, words: readonly T[]): T | undefined {
  return words.find((one) => one === value)
}

/** What a text of JSON says; undefined where it is none. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The fields of the object that a text of JSON is; undefined where it is none. */
export function parseFields(json: string): Fields | undefined {
  const value = parseJson(json)
  return typeof value === 'object' && value !== null ? fieldsOf(value) : undefined
}
