import { IapeerError } from '@iapeer/core/errors'
import { describe, expect, it } from 'vitest'
import { callSendTool, messageOfCall, receiptText, SEND_TOOL } from '../src/mcp/index.ts'

const RECEIPT = { id: 'm_aaaaaaaaaaaaaaaa', state: 'waiting', isNew: true, to: 'bob' } as const
const call = (given: unknown, meta?: unknown) => ({ name: 'send_to_peer', arguments: given, _meta: meta })

describe('the tool send_to_peer', () => {
  it.each([
    [{}, 'stored as m_aaaaaaaaaaaaaaaa for bob'],
    [
      { why: 'held: rate', note: 'until 14:30' },
      'stored as m_aaaaaaaaaaaaaaaa for bob, held: rate\nuntil 14:30',
    ],
    [{ state: 'returned', why: 'stopped' }, 'returned, bob does not get m_aaaaaaaaaaaaaaaa: stopped'],
    [{ state: 'returned', why: 'full', isNew: false }, 'returned, bob does not get m_aaaaaaaaaaaaaaaa: full'],
    [
      { isNew: false, state: 'taken', note: 'x' },
      'already stored as m_aaaaaaaaaaaaaaaa for bob (taken); nothing was sent again',
    ],
  ] as const)('says what became of a message: %j', (fields, text) => {
    expect(receiptText({ ...RECEIPT, ...fields })).toBe(text)
  })

  it('takes the id of a call from Claude Code and from Codex, and makes one for any other client', () => {
    const given = { personality: 'bob', message: 'hi' }
    expect(messageOfCall(call(given, { 'claudecode/toolUseId': 'toolu_1' })).callId).toBe('toolu_1')
    expect(messageOfCall(call(given, { callId: 'call_1' })).callId).toBe('call_1')
    for (const meta of [undefined, null, 7, {}, { callId: 7 }, { callId: '' }, { callId: 'x'.repeat(201) }])
      expect(messageOfCall(call(given, meta)).callId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it.each([
    call({ personality: 'bob' }),
    call({ message: 'hi' }),
    call({ personality: '', message: 'hi' }),
    call({ personality: 7, message: 'hi' }),
    call({ personality: 'bob', message: 'hi', from: 'operator' }),
    call({ personality: 'bob', message: 'hi', constructor: 1 }),
    call({ personality: 'bob', message: 'hi', attachments: 'x' }),
    call({ personality: 'bob', message: 'hi', attachments: [7] }),
    call({ personality: 'bob', message: 'hi', attachments: Array(21).fill('x') }),
    call(undefined),
    call([]),
    { name: 'other', arguments: {} },
    undefined,
    7,
  ])('answers an invalid call with its reason: %j', async (params) => {
    const sent: unknown[] = []
    const result = await callSendTool(params, async (message) => {
      sent.push(message)
      return RECEIPT
    })
    expect([result.isError, sent]).toEqual([true, []])
    expect(result.content[0]?.text).toContain('invalid-message')
  })

  it('reports an error of iapeer as a result, and throws any other', async () => {
    const params = call({ personality: 'bob', message: 'hi', re: null, topic: '', attachments: [] })
    const failed = await callSendTool(params, async () => {
      throw new IapeerError('no peer is named bob', { code: 'no-such-peer', hint: 'iapeer list' })
    })
    expect(failed).toEqual({
      isError: true,
      content: [{ type: 'text', text: 'not sent (no-such-peer): no peer is named bob\niapeer list' }],
    })
    const broken = callSendTool(params, async () => {
      throw new RangeError('broken')
    })
    await expect(broken).rejects.toThrow('broken')
  })

  it('costs few tokens', () => {
    expect(JSON.stringify(SEND_TOOL).length).toBeLessThan(750)
  })
})
