import { IapeerError } from '@iapeer/core/errors'
import type { ApiContext } from './context.ts'

/** The limit of a body, for a route without a limit of its own. */
export const BODY_BYTES = 64 * 1024

const tooLarge = (limit: number): IapeerError =>
  new IapeerError(`the body is larger than ${limit} bytes`, { code: 'body-too-large' })

async function readText(context: ApiContext, limit: number): Promise<string> {
  if (Number(context.req.header('content-length') ?? 0) > limit) throw tooLarge(limit)
  const reader = context.req.raw.body?.getReader()
  if (reader === undefined) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
    size += value.length
    if (size > limit) throw tooLarge(limit)
    chunks.push(value)
  }
}

/**
 * Returns the parsed JSON body of a request; an empty object if the body is empty.
 * @param limit the maximum size in bytes
 * @throws IapeerError `body-too-large`, `unsupported-media-type`, `invalid-request`
 */
export async function readJsonBody(context: ApiContext, limit: number): Promise<unknown> {
  const type = context.req.header('content-type')
  const length = context.req.header('content-length')
  const hasBody =
    context.req.header('transfer-encoding') !== undefined || (length !== undefined && length !== '0')
  if (!hasBody && type === undefined) return {}
  if (!/^application\/json\s*(;|$)/i.test(type ?? ''))
    throw new IapeerError(`the body must be application/json, not ${JSON.stringify(type ?? 'untyped')}`, {
      code: 'unsupported-media-type',
      hint: 'Send the header content-type: application/json.',
    })
  try {
    const text = await readText(context, limit)
    return text.trim() === '' ? {} : JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError)
      throw new IapeerError('the body is not valid JSON', { code: 'invalid-request', cause: error })
    throw error
  }
}
