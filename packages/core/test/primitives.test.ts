import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import * as core from '../src/index.ts'
import {
  iapeerRoot,
  isIdentity,
  parseIdentity,
  recordLayout,
  rootRecordLocation,
  toIdentity,
  writeFileAtomic,
} from '../src/index.ts'

const track = asyncCleanups()

function directory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

describe('an identity', () => {
  it.each([
    ['claude-bob', { runtime: 'claude', personality: 'bob' }],
    ['claude-bob-2', { runtime: 'claude', personality: 'bob-2' }],
    [`a-${'b'.repeat(32)}`, { runtime: 'a', personality: 'b'.repeat(32) }],
  ])('%s splits at its first dash', (text, parts) => {
    expect(parseIdentity(text)).toEqual(parts)
  })

  it.each([
    '',
    'bob',
    '-bob',
    'claude-',
    'Claude-bob',
    'claude-Bob',
    '1a-b',
    'a-1',
    'a_b-c',
    `a-${'b'.repeat(33)}`,
    'a-b\n',
    'a-b/c',
    'a-../b',
  ])('%j is not an identity', (text) => {
    expect(isIdentity(text)).toBe(false)
    expect(() => toIdentity(text)).toThrow(expect.objectContaining({ code: 'invalid-identity' }))
  })
})

describe('paths', () => {
  it('start at the root: IAPEER_ROOT, else ~/.iapeer', () => {
    expect(iapeerRoot({ IAPEER_ROOT: '/a/../b' })).toBe('/b')
    expect(iapeerRoot({})).toMatch(/\/\.iapeer$/)
    expect(iapeerRoot({ IAPEER_ROOT: '' })).toMatch(/\/\.iapeer$/)
  })

  it('of a canary alone are all below the record directory; a root has several directories', () => {
    expect(recordLayout({ recordDir: '/r' })).toMatchObject({
      exitsLog: '/r/exits.log',
      canaryDir: '/r/state/canary',
      libDir: '/r/lib',
    })
    expect(recordLayout(rootRecordLocation('/i'))).toMatchObject({
      exitsLog: '/i/logs/iapeer/exits.log',
      intentDir: '/i/state/intent',
      libDir: '/i/lib',
    })
  })
})

describe('an atomic write', () => {
  it('replaces the whole file, 0600, and leaves no file beside it', async () => {
    const dir = directory()
    await writeFileAtomic(join(dir, 'f'), 'old')
    await writeFileAtomic(join(dir, 'f'), 'new')
    expect(readFileSync(join(dir, 'f'), 'utf8')).toBe('new')
    expect(statSync(join(dir, 'f')).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir)).toEqual(['f'])
  })

  it('replaces a symbolic link instead of writing through it', async () => {
    const dir = directory()
    writeFileSync(join(dir, 'other'), 'untouched')
    symlinkSync(join(dir, 'other'), join(dir, 'f'))
    await writeFileAtomic(join(dir, 'f'), 'new')
    expect(readFileSync(join(dir, 'other'), 'utf8')).toBe('untouched')
  })

  it('that fails keeps the old file and leaves no file beside it', async () => {
    const dir = directory()
    mkdirSync(join(dir, 'f'))
    await expect(writeFileAtomic(join(dir, 'f'), 'x')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(writeFileAtomic(join(dir, 'no', 'f'), 'x')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(readdirSync(dir)).toEqual(['f'])
  })
})

it('the exported names are a contract', () => {
  expect(Object.keys(core).sort()).toMatchSnapshot()
})
