import { IapeerError } from '@iapeer/core/errors'
import type { ApiContext } from './context.ts'

const MOST_BYTES = 64 * 1024

const tooLarge = (): IapeerError =>
  new IapeerError(`the body is larger than ${MOST_BYTES} bytes`, { code: 'body-too-large' })

async function readText(context: ApiContext): Promise<string> {
  if (Number(context.req.header('content-length') ?? 0) > MOST_BYTES) throw tooLarge()
  const reader = context.req.raw.body?.getReader()
  if (reader === undefined) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
    size += value.length
    if (size > MOST_BYTES) throw tooLarge()
    chunks.push(value)
  }
}

/**
 * Returns the parsed JSON body of a request; an empty object if the body is empty.
 * @throws IapeerError `body-too-large`, `unsupported-media-type`, `invalid-request`
 */
export async function readJsonBody(context: ApiContext): Promise<unknown> {
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
    const text = await readText(context)
    return text.trim() === '' ? {} : JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError)
      throw new IapeerError('the body is not valid JSON', { code: 'invalid-request', cause: error })
    throw error
  }
}
