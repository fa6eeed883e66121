import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign } from '@iapeer/dev/testing'
import { ANSWERS, BEARER_HEADER, parseAs } from '@iapeer/protocol/routes'
import { describe, expect, it } from 'vitest'
import { MESSAGE_BYTES } from '../src/http/routes-messages.ts'
import { bearerOf, peer } from './mail-support.ts'
import { type Answer, ask, post, roots, type Where } from './support.ts'

const newRoot = roots()

/** Checks an answer against its schema: no field is missing and none is undescribed. */
function checked<T>(answer: Answer, schema: Parameters<typeof parseAs<T>>[0]): T {
  expect(answer.status, answer.text).toBe(200)
  const value = parseAs(schema, answer.json(), 'the answer')
  expect(value).toEqual(answer.json())
  return value
}

const codeOf = ({ status, text }: Answer) => `${status} ${/"code":"([a-z-]+)"/.exec(text)?.[1]}`

/** Sends JSON as it is written, without a second escaping. */
const raw = (where: Where, body: string) =>
  ask(where, '/v1/messages', { method: 'POST', body, headers: { 'content-type': 'application/json' } })

describe('messages over the API', () => {
  it('are stored with what proves their sender, read by their id, and listed in both directions', async () => {
    const test = newRoot()
    const { where } = await test.up()
    const bob = await bearerOf(test, where, 'bob')
    // It runs: a message would start it.
    await bearerOf(test, where, 'ann')
    const asked = await post(
      where,
      '/v1/messages',
      { to: 'ann', text: 'hi', topic: 't' },
      { [BEARER_HEADER]: bob },
    )
    const receipt = checked(asked, ANSWERS.Receipt)
    expect(receipt).toMatchObject({ state: 'waiting', isNew: true, to: 'ann' })
    const message = checked(await ask(where, `/v1/messages/${receipt.id}`), ANSWERS.Message)
    expect(message).toMatchObject({
      from: { kind: 'peer', proof: 'bearer', identity: 'command-bob' },
      ...{ text: 'hi', topic: 't', history: [{ state: 'waiting', step: 1 }] },
    })
    const unproven = checked(await post(where, '/v1/messages', { to: 'bob', text: 'x' }), ANSWERS.Receipt)
    const listed = checked(await ask(where, '/v1/peers/bob/messages'), ANSWERS.Messages).messages
    expect(listed.map(({ id }) => id)).toEqual([receipt.id, unproven.id])
    expect(listed.map(({ text }) => text)).toEqual([undefined, undefined])
    const texts = checked(await ask(where, '/v1/peers/bob/messages?texts=true&limit=1'), ANSWERS.Messages)
    expect(texts.messages).toMatchObject([
      { text: 'hi' },
      { text: 'x', from: { kind: 'unknown', proof: 'none' } },
    ])
    expect((await ask(where, '/metrics')).text).toMatch(/^iapeer_messages\{state="waiting"\} \d+$/m)
  }, 20_000)

  it.runIf(isFullCampaign())(
    'are refused from a dead bearer, and none falls back to another sender',
    async () => {
      const test = newRoot()
      const { where } = await test.up()
      const bearer = await bearerOf(test, where, 'bob')
      await post(where, '/v1/peers/bob/stop')
      for (const dead of [bearer, 'iapb_x', '', 'null'])
        expect(
          codeOf(await post(where, '/v1/messages', { to: 'bob', text: 'x' }, { [BEARER_HEADER]: dead })),
        ).toBe('403 bearer-unknown')
    },
    20_000,
  )

  it('come from the operator over TCP, without proof, and a bearer is not accepted there', async () => {
    const { up } = newRoot()
    const token = 'token-of-the-test-1'
    const { port } = await up({ IAPEER_PORT: '0', IAPEER_BEARER_TOKEN: token })
    const authorization = `Bearer ${token}`
    const body = { to: 'operator', text: 'x' }
    const sent = checked(await post({ port }, '/v1/messages', body, { authorization }), ANSWERS.Receipt)
    const message = await ask({ port }, `/v1/messages/${sent.id}`, { headers: { authorization } })
    expect(checked(message, ANSWERS.Message).from).toEqual({ kind: 'operator', proof: 'none' })
    const headers = { authorization, [BEARER_HEADER]: 'iapb_x' }
    expect(codeOf(await post({ port }, '/v1/messages', body, headers))).toBe('400 invalid-request')
    expect(codeOf(await post({ port }, '/v1/messages', body))).toBe('401 unauthorized')
  })

  it('hold 16,000 characters of four bytes however JSON escapes them, and no more', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const { where } = await up()
    const escaped = (count: number) => `{"to":"operator","text":"${'\\ud83d\\ude00'.repeat(count)}"}`
    expect(escaped(16_000).length).toBeGreaterThan(192_000)
    const { id } = checked(await raw(where, escaped(16_000)), ANSWERS.Receipt)
    const message = checked(await ask(where, `/v1/messages/${id}`), ANSWERS.Message)
    expect(message.text).toBe('😀'.repeat(16_000))
    expect(codeOf(await raw(where, escaped(16_001)))).toBe('400 invalid-message')
    expect(codeOf(await raw(where, `{"to":"operator","text":"${'x'.repeat(16_001)}"}`))).toBe(
      '400 invalid-message',
    )
    const declared = { 'content-type': 'application/json', 'content-length': String(MESSAGE_BYTES + 1) }
    expect(codeOf(await ask(where, '/v1/messages', { method: 'POST', headers: declared }))).toBe(
      '413 body-too-large',
    )
    expect(codeOf(await post(where, '/v1/peers/bob/wake', { topic: 'x'.repeat(66_000) }))).toBe(
      '413 body-too-large',
    )
  })

  it('are refused if their body, recipient, attachment or id is invalid, and then nothing is stored', async () => {
    const { root, directory, up } = newRoot()
    await peer(root, 'bob')
    const { where } = await up()
    writeFileSync(join(directory, 'file'), 'x')
    const bodies: [string, object][] = [
      ['400 invalid-request', {}],
      ['400 invalid-request', { to: 'bob' }],
      ['400 invalid-request', { to: 'bob', text: 7 }],
      ['400 invalid-request', { to: 'bob', text: '' }],
      ['400 invalid-message', { to: 'bob', text: ' \n' }],
      ['400 invalid-request', { to: 'bob', text: 'x', from: 'operator' }],
      ['400 invalid-request', { to: 'bob', text: 'x', id: 'm_aaaaaaaaaaaaaaaa' }],
      ['400 invalid-request', { to: 'bob', text: 'x', sender: { kind: 'operator' } }],
      ['400 invalid-request', { to: 'bob', text: 'x', priority: 'first' }],
      ['400 invalid-request', { to: 'bob', text: 'x', re: '../m' }],
      ['400 invalid-request', { to: 'bob', text: 'x', attachments: Array(21).fill('/x') }],
      ['400 attachment-refused', { to: 'bob', text: 'x', attachments: ['file'] }],
      ['400 attachment-refused', { to: 'bob', text: 'x', attachments: ['file'], cwd: '.' }],
      ['404 no-such-peer', { to: 'unknown', text: 'x' }],
      ['404 no-such-peer', { to: '../bob', text: 'x' }],
    ]
    for (const [code, body] of bodies)
      expect([code, codeOf(await post(where, '/v1/messages', body))]).toEqual([code, code])
    for (const text of ['[]', '{', '"x"', 'null'])
      expect(codeOf(await raw(where, text))).toBe('400 invalid-request')
    expect(codeOf(await ask(where, '/v1/messages/..%2f..%2fstate'))).toBe('400 invalid-request')
    expect(codeOf(await ask(where, '/v1/messages/m_aaaaaaaaaaaaaaaa'))).toBe('404 no-such-message')
    expect(codeOf(await ask(where, '/v1/peers/unknown/messages'))).toBe('404 no-such-peer')
    expect(codeOf(await ask(where, '/v1/messages'))).toBe('405 method-not-allowed')
    expect(checked(await ask(where, '/v1/peers/bob/messages'), ANSWERS.Messages).messages).toEqual([])
    const attached = { to: 'operator', text: 'x', attachments: ['file'], cwd: directory }
    const { id } = checked(await post(where, '/v1/messages', attached), ANSWERS.Receipt)
    expect(checked(await ask(where, `/v1/messages/${id}`), ANSWERS.Message).attachments).toMatchObject([
      { bytes: 1 },
    ])
  })
})
