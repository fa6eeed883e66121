import { lstatSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { expect, it } from 'vitest'
import { launchPeer, stopPeer } from '../src/index.ts'
import { touchRecorderFiles } from '../src/supervise/keep-files.ts'
import { roots } from './support.ts'

const { newRoot } = roots()

it('a cleaner of old files finds recently used scripts and state, whose modification times stay', async () => {
  const { root, peer } = newRoot()
  const { session } = await launchPeer(root, await peer(['sleep', '1000']))
  const state = join(root, 'state', 'canary', `command-bob-${session.gen}`)
  const lib = join(root, 'lib')
  const scripts = readdirSync(lib, { recursive: true }).map((name) => join(lib, String(name)))
  const kept = [...scripts, state, join(root, 'state', 'lifecycle', 'command-bob.session')]
  expect(scripts.some((path) => path.endsWith('exit-hook.sh'))).toBe(true)
  const old = new Date(Date.now() - 40 * 86_400_000)
  for (const path of kept) utimesSync(path, old, old)
  // Nothing changes a ctime into the past, so the clock of the call is two days ahead.
  const ahead = new Date(Date.now() + 2 * 86_400_000)
  await touchRecorderFiles(root, ahead)
  for (const path of kept)
    expect([path, statSync(path).atime, statSync(path).mtime]).toEqual([path, ahead, old])
  expect(lstatSync(`${state}.hook`).isSymbolicLink()).toBe(true)
  // What was touched lately is left alone.
  await touchRecorderFiles(root, new Date(Date.now() + 3_600_000))
  expect(statSync(state).atime).toEqual(ahead)
  await stopPeer(root, toIdentity('command-bob'), { by: 'a test' })
})
