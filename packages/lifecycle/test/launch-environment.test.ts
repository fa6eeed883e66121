import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity, toPersonality } from '@iapeer/core/identity'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  launchPeer,
  refreshNamed,
  removedDirectories,
  renameNamed,
  startNamed,
  stopNamed,
  stopPeer,
} from '../src/index.ts'
import { readTally } from '../src/sessions/index.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot } = roots()
const BOB = toIdentity('command-bob')
const USUAL = '/usr/bin:/bin'

/** Creates a program that writes its PATH and locale to a file, in a directory of its own. @returns the directory */
function program({ path }: TestRoot, directory = 'tools'): string {
  const bin = join(path, directory)
  mkdirSync(bin, { recursive: true })
  const out = join(path, 'seen')
  const shown = ['$PATH', ...['LANG', 'LC_ALL', 'LC_TIME'].map((name) => `\${${name}-}`)].join('|')
  writeFileSync(
    join(bin, 'agent-x'),
    `#!/bin/sh\necho "${shown}" > '${out}.new'\nmv '${out}.new' '${out}'\nexec sleep 1000\n`,
  )
  chmodSync(join(bin, 'agent-x'), 0o755)
  return bin
}

/** Returns what the program saw, once. */
async function seen({ path }: TestRoot): Promise<string> {
  const file = join(path, 'seen')
  await until('the program to run', () => existsSync(file))
  const text = readFileSync(file, 'utf8').trimEnd()
  rmSync(file)
  return text
}

const stop = (root: string) => stopPeer(root, BOB, { by: 'a test' })
/** The environment of a daemon that does not have the PATH and locale of the caller. */
const daemonEnv = { ...process.env, PATH: USUAL, LC_ALL: 'C', LANG: '', LC_TIME: undefined }

describe('a launch', () => {
  it.runIf(isFullCampaign())(
    'uses the PATH and locale of its caller, and records them for the launches without a caller',
    async () => {
      const at = newRoot()
      const { root } = at
      const bin = program(at)
      const entry = await at.peer(['agent-x'])
      await expect(launchPeer(root, entry, { env: daemonEnv })).rejects.toMatchObject({
        code: 'command-not-found',
        message: `program not found: agent-x, in the PATH of process ${process.pid}, which starts it`,
        hint: expect.stringMatching(new RegExp(`^Install it, .* Looked in ${USUAL}\\.$`)),
      })
      expect((await readTally(root, BOB)).environment).toBe(undefined)
      const caller = { PATH: `${bin}:${USUAL}`, LANG: 'C.UTF-8', LC_TIME: 'POSIX' }
      await launchPeer(root, entry, { env: daemonEnv, caller })
      const expected = `${bin}:${USUAL}|C.UTF-8||POSIX`
      expect(await seen(at)).toBe(expected)
      expect((await readTally(root, BOB)).environment).toEqual({
        at: expect.stringMatching(/Z$/),
        variables: caller,
        missing: [],
      })
      expect(statSync(join(root, 'state', 'lifecycle', 'command-bob.tally')).mode & 0o777).toBe(0o600)
      await stop(root)
      await launchPeer(root, entry, { env: daemonEnv })
      expect(await seen(at)).toBe(expected)
      await refreshNamed(root, 'bob', { by: 'a test' })
      expect(await seen(at)).toBe(expected)
    },
  )

  it('of a running peer does not change what is recorded', async () => {
    const at = newRoot()
    const bin = program(at)
    const entry = await at.peer(['agent-x'])
    await launchPeer(at.root, entry, { caller: { PATH: `${bin}:${USUAL}` } })
    await launchPeer(at.root, entry, { caller: { PATH: USUAL } })
    expect((await readTally(at.root, BOB)).environment?.variables).toEqual({ PATH: `${bin}:${USUAL}` })
  })

  it('names the PATH of the caller, or launch.env, where the program is not found', async () => {
    const at = newRoot()
    const entry = await at.peer(['agent-x'])
    await expect(launchPeer(at.root, entry, { caller: { PATH: '/bin' } })).rejects.toThrow(
      'program not found: agent-x, in the PATH of the caller',
    )
    const directory = join(entry.home, '.iapeer', 'runtimes', 'command')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'launch.env'), 'PATH=/usr/bin\n')
    await expect(launchPeer(at.root, entry, { caller: { PATH: '/bin' } })).rejects.toThrow(
      `, in the PATH of ${join(directory, 'launch.env')}`,
    )
    expect((await readTally(at.root, BOB)).environment).toBe(undefined)
  })

  it('with a PATH in launch.env uses that one, also when a directory of the recorded one was removed', async () => {
    const at = newRoot()
    const bin = program(at)
    const entry = await at.peer(['agent-x'])
    const caller = { PATH: `${join(at.path, 'gone')}:${bin}:${USUAL}`, LANG: 'C.UTF-8' }
    mkdirSync(join(at.path, 'gone'))
    const directory = join(entry.home, '.iapeer', 'runtimes', 'command')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'launch.env'), `PATH=${bin}:/bin\nLANG=POSIX\n`)
    await launchPeer(at.root, entry, { env: daemonEnv, caller })
    expect(await seen(at)).toBe(`${bin}:/bin|POSIX||`)
    rmSync(join(at.path, 'gone'), { recursive: true })
    await stop(at.root)
    await launchPeer(at.root, entry, { env: daemonEnv })
    expect(await seen(at)).toBe(`${bin}:/bin|POSIX||`)
  })
})

describe('a directory of the recorded PATH', () => {
  it('that was removed is an error that names it; a request with a PATH then starts the peer', async () => {
    const at = newRoot()
    const { root, path } = at
    const bin = program(at)
    const entry = await at.peer(['agent-x'])
    const never = join(path, 'never')
    await startNamed(root, 'bob', { environment: { PATH: `${never}:${bin}:${USUAL}` } })
    await seen(at)
    const moved = program(at, 'moved')
    rmSync(bin, { recursive: true })
    const recorded = (await readTally(root, BOB)).environment
    expect(recorded?.missing).toEqual([never])
    expect(recorded === undefined ? undefined : await removedDirectories(recorded)).toEqual([bin])
    const refusal = {
      code: 'path-directory-missing',
      message: expect.stringMatching(
        new RegExp(`^the PATH recorded for command-bob at .*Z contains a directory .*: ${bin}$`),
      ),
      hint: expect.stringContaining('iapeer stop command-bob, then iapeer start command-bob'),
    }
    // A restart is refused before it stops the running peer.
    await expect(refreshNamed(root, 'bob', { by: 'a test' })).rejects.toMatchObject(refusal)
    await stopNamed(root, 'bob', { by: 'a test' })
    await expect(launchPeer(root, entry)).rejects.toMatchObject(refusal)
    await startNamed(root, 'bob', { environment: { PATH: `${moved}:${USUAL}` } })
    expect(await seen(at)).toBe(`${moved}:${USUAL}|||`)
  })
})

it('the recorded environment follows a rename', async () => {
  const at = newRoot()
  const bin = program(at)
  await at.peer(['agent-x'])
  await startNamed(at.root, 'bob', { environment: { PATH: `${bin}:${USUAL}` } })
  await stopNamed(at.root, 'bob', { by: 'a test' })
  await renameNamed(at.root, 'bob', toPersonality('rob'))
  expect((await readTally(at.root, toIdentity('command-rob'))).environment?.variables).toEqual({
    PATH: `${bin}:${USUAL}`,
  })
})

it('a tally of an earlier version has no recorded environment, and what is not a valid variable is ignored', async () => {
  const at = newRoot()
  const { root } = at
  program(at)
  const entry = await at.peer(['sleep', '1000'])
  const tally = join(root, 'state', 'lifecycle', 'command-bob.tally')
  mkdirSync(join(root, 'state', 'lifecycle'), { recursive: true, mode: 0o700 })
  const old = { endings: [], restarts: 0, topics: [] }
  writeFileSync(tally, JSON.stringify(old), { mode: 0o600 })
  expect((await readTally(root, BOB)).environment).toBe(undefined)
  await launchPeer(root, entry)
  const environment = {
    at: '2026-06-10T15:42:07.113Z',
    variables: { PATH: 'relative', LD_PRELOAD: '/x.so', LANG: 'C', LC_ALL: 'a\u0007', LC_TIME: 7 },
    missing: ['/x', 3],
  }
  writeFileSync(tally, JSON.stringify({ ...old, environment }), { mode: 0o600 })
  expect((await readTally(root, BOB)).environment).toEqual({
    at: environment.at,
    variables: { LANG: 'C' },
    missing: ['/x'],
  })
})
