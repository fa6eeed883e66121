import { IapeerError } from '@iapeer/core/errors'
import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'

// zod/mini has no messages of its own.
z.config(en())

/**
 * Checks a value against its schema and returns it with the defaults filled in.
 * @param where the name of the value in the error message: `the body`
 * @throws IapeerError `invalid-request`
 */
export function parseAs<T>(schema: z.ZodMiniType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.')
  throw new IapeerError(`${where}${field ? `: ${field}` : ''}: ${issue?.message ?? 'invalid'}`, {
    code: 'invalid-request',
    hint: 'GET /openapi.json describes every request.',
  })
}
