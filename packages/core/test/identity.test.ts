import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defaultIntelligence,
  formatIdentity,
  isLowerIntelligence,
  isPersonality,
  maskBearers,
  parseIdentity,
  peerEnv,
  personalityFromName,
  readIntelligence,
  toPersonality,
  toRuntime,
} from '../src/index.ts'

describe('a directory name becomes a personality', () => {
  it.each([
    ['bob', 'bob'],
    ['My Project', 'my-project'],
    ['Ночная смена', 'nochnaya-smena'],
    ['小明', 'xiaoming'],
    ['日本語 テスト', 'ribenyu-tesuto'],
    ['Ünïcødé', 'unicode'],
    ["bob's  work__dir.git", 'bobs-work-dir-git'],
    ['--dash--', 'dash'],
    ['🐳', 'whale'],
    [`a${'-b'.repeat(40)}`, `a${'-b'.repeat(15)}`],
  ])('%s is %s', (name, personality) => {
    expect(personalityFromName(name)).toBe(personality)
  })

  it.each(['', '---', '2024', '3d-printer', '\u0000', '...'])('%j is refused with a hint', (name) => {
    expect(() => personalityFromName(name)).toThrow(
      expect.objectContaining({ code: 'unusable-name', hint: expect.stringContaining('Pass a name') }),
    )
  })

  it('any other name becomes a valid personality or the same error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), (name) => {
        try {
          expect(isPersonality(personalityFromName(name))).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'unusable-name' })
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('an identity', () => {
  it('is parsed to the parts of which it was formatted', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/)
    const runtime = fc.stringMatching(/^[a-z][a-z0-9]{0,31}$/)
    fc.assert(
      fc.property(runtime, name, (one, two) => {
        const parts = { runtime: toRuntime(one), personality: toPersonality(two) }
        expect(parseIdentity(formatIdentity(parts))).toEqual(parts)
      }),
    )
  })

  it.each(['', 'Bob', '1', 'a_b', 'a'.repeat(33)])('%j is not a name', (text) => {
    expect(() => toPersonality(text)).toThrow(expect.objectContaining({ code: 'invalid-personality' }))
  })

  it.each(['', 'a-b', 'Claude'])('%j is not a runtime', (text) => {
    expect(() => toRuntime(text)).toThrow(expect.objectContaining({ code: 'invalid-runtime' }))
  })

  it('is passed to the session by environment variables', () => {
    const parts = { runtime: toRuntime('claude'), personality: toPersonality('bob') }
    expect(peerEnv(parts, '/h')).toEqual({
      PEER_IDENTITY: 'claude-bob',
      PEER_PERSONALITY: 'bob',
      PEER_RUNTIME: 'claude',
      PEER_HOME: '/h',
    })
  })
})

describe('an intelligence', () => {
  it.each([
    ['human', 'natural'],
    ['scripted', 'absent'],
    ['natural', 'natural'],
    ['artificial', 'artificial'],
    ['absent', 'absent'],
    ['Human', undefined],
    ['', undefined],
    ['__proto__', undefined],
    [undefined, undefined],
    [1, undefined],
  ])('%j is read as %j', (text, intelligence) => {
    expect(readIntelligence(text)).toBe(intelligence)
  })

  it.each([
    ['telegram', 'natural'],
    ['web', 'natural'],
    ['cron', 'absent'],
    ['notifier', 'absent'],
    ['claude', 'artificial'],
    ['constructor', 'artificial'],
  ])('of the runtime %s is %s by default', (runtime, intelligence) => {
    expect(defaultIntelligence(runtime)).toBe(intelligence)
  })

  it('is ordered: natural above artificial above absent', () => {
    expect(isLowerIntelligence('artificial', 'natural')).toBe(true)
    expect(isLowerIntelligence('absent', 'artificial')).toBe(true)
    expect(isLowerIntelligence('natural', 'absent')).toBe(false)
    expect(isLowerIntelligence('absent', 'absent')).toBe(false)
  })
})

it('a bearer is masked wherever it is in a text, and other words are left alone', () => {
  expect(maskBearers('A=iapb_aB-_9;B="iapb_c" iapb_ xiapb_d\niapb_e')).toBe(
    'A=iapb_***;B="iapb_***" iapb_ xiapb_***\niapb_***',
  )
})
