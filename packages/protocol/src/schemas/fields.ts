import * as z from 'zod/mini'

const SCHEMA_VERSION = 2

/** The fields that every answer begins with, as a schema. */
export const version = { schemaVersion: z.literal(SCHEMA_VERSION) }

/** The fields that every answer begins with, as values. */
export const versioned = { schemaVersion: SCHEMA_VERSION } as const

export const pid = z.int().check(z.positive())

/** A time in UTC, ISO-8601. */
export const time = z.iso.datetime().check(z.describe('UTC'))

export const text = z.optional(z.string())

/** A text that may be absent, with what it means. */
export const describedText = (what: string) => z.optional(z.string()).check(z.describe(what))

export const texts = z.readonly(z.array(z.string()))
