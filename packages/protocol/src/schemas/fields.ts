import * as z from 'zod/mini'

const SCHEMA_VERSION = 2

/** The schema of the fields that every answer begins with. */
export const version = { schemaVersion: z.literal(SCHEMA_VERSION) }

/** The values of the fields that every answer begins with. */
export const versioned = { schemaVersion: SCHEMA_VERSION } as const

export const pid = z.int().check(z.positive())

/** A time in UTC, ISO-8601. */
export const time = z.iso.datetime().check(z.describe('UTC'))

export const text = z.optional(z.string())

/** Returns the schema of an optional text, with its description in the OpenAPI document. */
export const describedText = (description: string) => z.optional(z.string()).check(z.describe(description))

export const texts = z.readonly(z.array(z.string()))
