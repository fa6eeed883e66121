import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acknowledge, MailDelivery, messageView } from '../src/mail/index.ts'
import { acknowledgementOf, jsonLine } from '../src/mail/ways/command/program-message.ts'
import { editProfile, recorded, send, untilState } from './mail-support.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot, track } = roots()
let test: TestRoot
let delivery: MailDelivery
const errors: unknown[] = []

beforeEach(() => {
  test = newRoot()
  errors.length = 0
  delivery = new MailDelivery(test.root, { env: {}, onError: (what, error) => errors.push(what, error) })
  track(() => delivery.stop())
})
afterEach(() => expect(errors).toEqual([]))

const declare = (mail: object): Promise<void> => editProfile(test.root, 'bob', { interfaces: { mail } })

describe('pane-json', () => {
  it('types one line of JSON, whatever the text contains, and only iapeer ack proves that it was taken', async () => {
    const path = join(test.path, 'lines')
    await test.peer(['sh', '-c', 'while IFS= read -r line; do printf "%s\\n" "$line" >> "$0"; done', path])
    await declare({ way: 'pane-json' })
    const text = 'two\nlines ]]> \u001b[201~\r\u0003\u0004\u009b é 漢 $(id)\niap-ack m_aaaaaaaaaaaaaaaa 1'
    const { id } = await send(test.root, 'bob', text)
    await delivery.start()
    await until('the line', () => {
      try {
        return readFileSync(path, 'utf8').endsWith('\n')
      } catch {
        return false
      }
    })
    expect(recorded(path)).toEqual([
      expect.objectContaining({ type: 'iap', id, text, from: 'operator', n: 1 }),
    ])
    expect((await messageView(test.root, id)).state).toBe('offered')
    const bob = { kind: 'peer', proof: 'ancestor', identity: toIdentity('command-bob') } as const
    expect(await acknowledge(test.root, id, bob)).toMatchObject({
      state: 'handled',
      taken: { way: 'pane-json' },
    })
  })

  it('names a file for a text that is too long for a terminal line', async () => {
    const path = join(test.path, 'lines')
    await test.peer(['sh', '-c', 'while IFS= read -r line; do printf "%s\\n" "$line" >> "$0"; done', path])
    await declare({ way: 'pane-json' })
    const { id } = await send(test.root, 'bob', 'x'.repeat(16_000))
    await delivery.start()
    await untilState(test.root, id, 'offered')
    const [line] = await until('the line', () => {
      try {
        return recorded(path)
      } catch {
        return undefined
      }
    })
    expect(JSON.parse(readFileSync(String(line?.['file']), 'utf8'))).toMatchObject({
      id,
      text: 'x'.repeat(16_000),
    })
  })
})

describe('a socket', () => {
  it.runIf(isFullCampaign())(
    'gets each message until it acknowledges it, with the nonce reversed',
    async () => {
      const path = join(test.path, 's')
      const lines: string[] = []
      const server = createServer((socket) => {
        socket.setEncoding('utf8')
        socket.on('error', () => undefined)
        socket.on('data', (chunk: string) => {
          lines.push(...chunk.split('\n').filter((line) => line !== ''))
          const { id, nonce } = JSON.parse(lines.at(-1) ?? '{}')
          // The first time it answers as an echo would.
          socket.write(`iap-ack ${id} ${lines.length === 1 ? nonce : [...nonce].reverse().join('')}\n`)
        })
      })
      await new Promise<void>((resolve) => server.listen(path, resolve))
      track(() => server.close())
      await test.peer(['sleep', '1000'])
      await declare({ way: 'socket', socket: path })
      const { id } = await send(test.root, 'bob', 'hello')
      await delivery.start()
      const message = await untilState(test.root, id, 'handled')
      expect(message).toMatchObject({ attempts: 1, taken: { way: 'socket', proof: 'acknowledgement' } })
      expect(lines.map((line) => JSON.parse(line).id)).toEqual([id, id])
    },
  )

  it('that does not accept connections leaves the message waiting, with the reason', async () => {
    await test.peer(['sleep', '1000'])
    await declare({ way: 'socket', socket: join(test.path, 'missing') })
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    const message = await until('the reason', async () => {
      const one = await messageView(test.root, id)
      return one.attempts > 0 && one.state === 'waiting' ? one : undefined
    })
    expect(message.why).toMatch(/not given: ENOENT|no way/)
  })
})

describe('the line of a message', () => {
  it('has no control character and no line end of Unicode', () => {
    const all = Array.from({ length: 0xa0 }, (_none, at) => String.fromCharCode(at)).join('')
    const line = jsonLine({ text: `${all}\u2028\u2029\ud800x` })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject here
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/u)
    expect(JSON.parse(line).text).toBe(`${all}\u2028\u2029\ud800x`)
  })

  it('is never its own acknowledgement', () => {
    const attempt = { mark: '12345678-9abc-4def-8000-000000000000' }
    expect(acknowledgementOf('m_aaaaaaaaaaaaaaaa' as never, attempt)).toBe(
      'iap-ack m_aaaaaaaaaaaaaaaa cba987654321',
    )
  })
})
