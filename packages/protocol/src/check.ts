import { IapeerError } from '@iapeer/core/errors'
import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'

// zod/mini has no messages of its own.
z.config(en())

/**
 * Returns a value from outside as its schema says, with the defaults filled in.
 * @param where what the value is, for the message: `the body`
 * @throws IapeerError `invalid-request`
 */
export function parseAs<T>(schema: z.ZodMiniType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.')
  throw new IapeerError(`${where}${field ? `: ${field}` : ''}: ${issue?.message ?? 'invalid'}`, {
    code: 'invalid-request',
    hint: '/openapi.json says what is taken.',
  })
}
