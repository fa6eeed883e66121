import * as z from 'zod/mini'

const DEEPEST = 100

/** Whether a JSON value is nested at most that deep; what is deeper could not be written again. */
function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((one) => isWithin(one, depth - 1))
}

/** The sections of the programs that make a peer reachable; nobody else looks into them. */
export const interfacesSchema = z.optional(
  z
    .record(z.string(), z.unknown(), 'an object, one field an interface')
    .check(z.refine((value) => isWithin(value, DEEPEST), `nested at most ${DEEPEST} deep`)),
)
