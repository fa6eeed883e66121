import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  callerEnvironment,
  isCallerVariable,
  lastingPath,
  missingDirectories,
  withCallerEnvironment,
} from '../src/exec/index.ts'

const track = asyncCleanups()
function newDirectory(): string {
  const { path, remove } = privateDirectory()
  track(remove)
  return path
}

describe('the environment of a caller', () => {
  it('is its PATH and locale, and no other variable', () => {
    const locale = { LANG: 'de_DE.UTF-8', LANGUAGE: 'de:en', LC_ALL: 'C.UTF-8', LC_TIME: 'en_GB' }
    const others = {
      HOME: '/h',
      LD_PRELOAD: '/x.so',
      NODE_OPTIONS: '-r x',
      LC_all: 'x',
      LC_: 'x',
      XLANG: 'x',
    }
    const env = { PATH: '/opt/a b/bin:/bin', ...locale, ...others, TOKEN: 'secret', TZ: 'UTC' }
    expect(callerEnvironment(env)).toEqual({ PATH: '/opt/a b/bin:/bin', ...locale })
  })

  it.each([
    ['.:/bin::bin:/usr/bin:', '/bin:/usr/bin'],
    ['/bin:/bin:/usr/bin', '/bin:/usr/bin'],
    ['/a\u001b[2J:/bin', '/bin'],
    [`/${'x'.repeat(4_096)}:/bin`, '/bin'],
    ['/p/node_modules/.bin:/bin', '/p/node_modules/.bin:/bin'],
    ['.', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('has of the PATH %j only absolute directories, each once: %j', (PATH, kept) => {
    expect(callerEnvironment({ PATH })).toEqual(kept === undefined ? {} : { PATH: kept })
  })

  it('does not have the directories that npm and pnpm add for a script', () => {
    const PATH = '/p/node_modules/.bin:/n/dist/node-gyp-bin:/p/node_modules/.bin/tool:/bin'
    expect(callerEnvironment({ PATH, npm_config_user_agent: 'pnpm/12' })).toEqual({
      PATH: '/p/node_modules/.bin/tool:/bin',
    })
  })

  it.each([
    ['LANG', 'a\nb'],
    ['LANG', 'x'.repeat(257)],
    ['PATH', 'bin'],
    ['PATH', '/bin:'],
    ['PATH', '/bin\u0000'],
    ['PATH', Array.from({ length: 20 }, () => `/${'x'.repeat(1_000)}`).join(':')],
    ['LD_PRELOAD', '/x.so'],
    ['PATH_', '/bin'],
  ])('%s=%j is not a valid variable', (name, value) => {
    expect(isCallerVariable(name, value)).toBe(false)
  })

  it('replaces the locale of another environment, so that LC_ALL of a daemon does not override LANG of the caller', () => {
    const daemon = { PATH: '/bin', LC_ALL: 'C', HOME: '/h' }
    expect(withCallerEnvironment(daemon, { PATH: '/a:/bin', LANG: 'C.UTF-8' })).toEqual({
      ...{ PATH: '/a:/bin', LANG: 'C.UTF-8', HOME: '/h' },
    })
    expect(withCallerEnvironment(daemon, {})).toEqual({ PATH: '/bin', HOME: '/h' })
  })
})

it('a directory of a PATH is missing if it does not exist or is a file', async () => {
  const directory = newDirectory()
  writeFileSync(join(directory, 'file'), '')
  symlinkSync(join(directory, 'gone'), join(directory, 'link'))
  const missing = ['none', 'file', 'link'].map((name) => join(directory, name))
  const path = [missing[0], directory, 'relative', missing[1], '', missing[0], missing[2]].join(':')
  expect(await missingDirectories(path)).toEqual(missing)
  expect(await missingDirectories('')).toEqual([])
})

it('a directory that is removed with its shell is replaced by its target, or omitted from a lasting PATH', async () => {
  const directory = newDirectory()
  const version = join(directory, 'v20')
  const shell = join(directory, 'fnm_multishells', '42')
  mkdirSync(join(version, 'bin'), { recursive: true })
  mkdirSync(join(directory, 'fnm_multishells'))
  symlinkSync(version, shell)
  const editor = '/srv/vscode/bin/remote-cli'
  const path = [join(shell, 'bin'), editor, '/tmp/.mount_x1/usr/bin', '/srv/bin', '/bin'].join(':')
  expect(await lastingPath(path)).toBe([join(version, 'bin'), '/srv/bin', '/bin'].join(':'))
  rmSync(shell)
  expect(await lastingPath(path)).toBe('/srv/bin:/bin')
})
