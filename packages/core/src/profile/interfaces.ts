import * as z from 'zod/mini'

const MAX_DEPTH = 100

/** Tests whether a JSON value is nested at most `depth` deep; a much deeper one could not be written again. */
function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((one) => isWithin(one, depth - 1))
}

/** The sections of the programs that make a peer reachable. Only those programs read their content. */
export const interfacesSchema = z.optional(
  z
    .record(z.string(), z.unknown(), 'an object with one field per interface')
    .check(z.refine((value) => isWithin(value, MAX_DEPTH), `nested at most ${MAX_DEPTH} deep`)),
)
