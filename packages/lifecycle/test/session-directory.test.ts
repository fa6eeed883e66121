import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { launchPeer } from '../src/index.ts'
import { makeSessionDirectory, sweepSessionDirectories } from '../src/launch/session-directory.ts'
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
