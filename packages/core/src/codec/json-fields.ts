/** The fields of an object from outside, with values of unknown types. */
export type Fields = Readonly<Record<string, unknown>>

/** Returns the fields of an object; none for any other value. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** Returns a string; undefined for any other value. */
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
/** Returns a number; undefined for any other value. */
export const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
/** Returns an array; an empty one for any other value. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** Returns one of the expected words; undefined for any other value. */
export function word<T extends string>(value: unknown, words: readonly T[]): T | undefined {
  return words.find((one) => one === value)
}

/** Parses a text as JSON; undefined if it is not JSON. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Parses a text as a JSON object or array; undefined if it is neither. */
export function parseFields(json: string): Fields | undefined {
  const value = parseJson(json)
  return typeof value === 'object' && value !== null ? fieldsOf(value) : undefined
}
