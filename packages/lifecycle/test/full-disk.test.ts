import { chmodSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { mayMount, smallDisk, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { launchPeer, stopPeer } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const NAMES = ['ann', 'bob', 'eva', 'kim', 'lee']

describe.runIf(mayMount)('on a full disk', () => {
  it('peers can be stopped one after the other, and no death is recorded', async () => {
    const { root, peer, deaths } = newRoot()
    const disk = await smallDisk(root)
    chmodSync(root, 0o700)
    track(disk.remove)
    const states = join(root, 'state', 'canary')
    track(() => until('the guards to finish', () => readdirSync(states).length === 0))
    for (const name of NAMES) await launchPeer(root, await peer(['sleep', '1000'], name))
    expect(existsSync(join(root, 'state', 'reserve'))).toBe(true)
    const makeRoom = disk.fill()
    try {
      for (const name of NAMES)
        expect(await stopPeer(root, toIdentity(`command-${name}`), { by: 'a test' })).toMatchObject({
          state: 'ended',
        })
    } finally {
      makeRoom()
      for (const name of NAMES) await stopPeer(root, toIdentity(`command-${name}`), { by: 'a test' })
    }
    expect(deaths()).toEqual([])
  }, 30_000)
})
