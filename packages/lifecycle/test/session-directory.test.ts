import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { launchPeer } from '../src/index.ts'
import {
  makeSessionDirectory,
  removeOutsideSessions,
  sweepSessionDirectories,
} from '../src/launch/session-directory.ts'
import { sessionsDirectory } from '../src/sessions/index.ts'
import { roots } from './support.ts'

const { newRoot, track } = roots()
const nameOf = (number: number): string => number.toString(16).padStart(8, '0')

/** Makes the directory of a session that ended a time ago, in minutes; undefined: its end was not noticed yet. */
function endedSession(root: string, number: number, minutesAgo: number | undefined): string {
  const directory = join(sessionsDirectory(root), nameOf(number))
  mkdirSync(join(directory, 'mail', 'taken'), { recursive: true, mode: 0o700 })
  if (minutesAgo !== undefined)
    writeFileSync(join(directory, 'ended'), new Date(Date.now() - minutesAgo * 60_000).toISOString())
  return directory
}

describe('the private directories of sessions', () => {
  it('are removed by several launches at the same time, each of which makes its own', async () => {
    const { root } = newRoot()
    for (let number = 0; number < 60; number++) endedSession(root, number, 11)
    const recent = endedSession(root, 1_000, 9)
    const unnoticed = endedSession(root, 1_001, undefined)
    const launches = Array.from({ length: 12 }, async () => {
      await sweepSessionDirectories(root)
      return makeSessionDirectory(root)
    })
    const made = await Promise.all(launches)
    const left = readdirSync(sessionsDirectory(root)).map((name) => join(sessionsDirectory(root), name))
    expect(left).toEqual(expect.arrayContaining([...made, recent, unnoticed]))
    // Two that remove one at the same time may leave it, empty but for the time of its end.
    for (const directory of left.filter((one) => ![...made, recent, unnoticed].includes(one)))
      expect(readdirSync(directory)).toEqual(['ended'])
    expect(existsSync(join(unnoticed, 'ended'))).toBe(true)
  })

  it('of several roots with one directory of sockets: each root sweeps and removes its own only', async () => {
    const { path } = newRoot()
    process.env['IAPEER_SOCK_DIR'] = join(path, 'k')
    track(() => delete process.env['IAPEER_SOCK_DIR'])
    const [ours, others] = ['a', 'b'].map((name) => join(path, name.repeat(70))) as [string, string]
    expect(sessionsDirectory(ours)).toBe(sessionsDirectory(others))
    const [mine, theirs] = [await makeSessionDirectory(ours), await makeSessionDirectory(others)]
    // Their launchers are gone, as after a restart of the daemon, and both seem to have ended long ago.
    const long = new Date(Date.now() - 11 * 60_000).toISOString()
    for (const directory of [mine, theirs]) {
      writeFileSync(join(directory ?? '', 'launcher'), '4194300:1\n')
      writeFileSync(join(directory ?? '', 'ended'), long)
    }
    await sweepSessionDirectories(ours)
    expect([mine, theirs].map((one) => existsSync(one ?? ''))).toEqual([false, true])
    const again = await makeSessionDirectory(ours)
    expect(await removeOutsideSessions(ours)).toEqual([again])
    expect(readdirSync(sessionsDirectory(ours)).map((name) => join(sessionsDirectory(ours), name))).toEqual([
      theirs,
    ])
    // One of an earlier version has no root in it: it is swept when it is over, as before, and never removed at once.
    const former = endedSession(ours, 1, 9)
    expect(await removeOutsideSessions(ours)).toEqual([])
    expect(existsSync(former)).toBe(true)
  })

  it('that cannot be made: the peer is started without messages, and the launch and lifecycle.log say so', async ({
    skip,
  }) => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    const change = (flag: string) => run('chattr', [flag, sessionsDirectory(root)]).catch(() => undefined)
    // Only root may do that, and not on every file system. Then root cannot write there either.
    if ((await change('+i'))?.exitCode !== 0) return skip('chattr cannot make a directory immutable here')
    track(() => change('-i'))
    const { state, warnings } = await launchPeer(root, entry)
    expect({ state, warnings }).toEqual({
      state: 'launched',
      warnings: [expect.stringMatching(/^started without messages: E[A-Z]+: /)],
    })
    const events = readFileSync(rootLayout(root).records.lifecycleLog, 'utf8')
    expect(events).toMatch(/ ev=launch .* withoutMail="E[A-Z]+: /)
  })
})
