import { IapeerError } from '@iapeer/core/errors'
import * as z from 'zod'
import { readJsonBody } from './body.ts'
import type { ApiContext } from './context.ts'
import type { ANSWERS } from './schemas.ts'

/** One path with one method: the app answers by it, and the OpenAPI document is made from it. */
export interface Route {
  readonly method: 'get' | 'post'
  /** As Hono writes it, `/v1/peers/:name`. */
  readonly path: string
  readonly summary: string
  readonly params: z.ZodObject
  readonly query: z.ZodObject
  readonly body: z.ZodObject
  /** Media type and the name of its schema; a text has none. */
  readonly answers: Readonly<Record<string, keyof typeof ANSWERS | undefined>>
  readonly respond: (context: ApiContext) => Promise<Response>
}

/** For where nothing is to come. */
export const NOTHING = z.strictObject({})

/** @throws IapeerError `invalid-request` */
export function parseAs<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const result = z.safeParse(schema, value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.')
  throw new IapeerError(`${where}${field ? `: ${field}` : ''}: ${issue?.message ?? 'invalid'}`, {
    code: 'invalid-request',
    hint: '/openapi.json says what is taken.',
  })
}

interface JsonRoute<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodObject,
  A extends keyof typeof ANSWERS,
> extends Pick<Route, 'method' | 'path' | 'summary'> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly answer: A
  readonly handle: (input: {
    readonly params: z.output<P>
    readonly query: z.output<Q>
    readonly body: z.output<B>
    readonly context: ApiContext
  }) => Promise<z.input<(typeof ANSWERS)[A]>>
}

/** A route whose input is checked, and whose answer is typed, by the schemas that describe it. */
export function jsonRoute<
  A extends keyof typeof ANSWERS,
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodObject,
>(route: JsonRoute<P, Q, B, A>): Route {
  const { method, path, summary, params, query, body, answer, handle } = route
  const respond = async (context: ApiContext): Promise<Response> => {
    const input = {
      params: parseAs(params, context.req.param(), 'the path'),
      query: parseAs(query, context.req.query(), 'the query'),
      body: parseAs(body, method === 'post' ? await readJsonBody(context) : {}, 'the body'),
      context,
    }
    return context.json(await handle(input))
  }
  return { method, path, summary, params, query, body, answers: { 'application/json': answer }, respond }
}
