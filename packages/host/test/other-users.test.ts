import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { otherUsers } from '../src/other-users.ts'

const track = asyncCleanups()

/** Makes a directory like /proc, with one process of each user. */
function procOf(
  uids: readonly number[],
  { pids = 'pid:[4026531836]', net = 'net:[4026531840]' } = {},
): string {
  const directory = privateDirectory()
  track(directory.remove)
  const proc = directory.path
  mkdirSync(join(proc, 'self', 'ns'), { recursive: true })
  symlinkSync(pids, join(proc, 'self', 'ns', 'pid'))
  symlinkSync(net, join(proc, 'self', 'ns', 'net'))
  for (const [at, uid] of uids.entries()) {
    mkdirSync(join(proc, String(at + 1)))
    writeFileSync(join(proc, String(at + 1), 'status'), `Name:\tx\nUid:\t${uid}\t0\t0\t0\nGid:\t0\n`)
  }
  return proc
}

it('processes of the system, of services and of this user are not those of other people', async () => {
  const proc = procOf([0, 1, 999, 1_000, 65_534, 61_184, 65_519])
  expect(await otherUsers({ proc, uid: 1_000 })).toEqual({ kind: 'none' })
  expect(await otherUsers({ proc, uid: 0 })).toEqual({ kind: 'some', uids: [1_000] })
})

it('any other user counts, also one that no person can be', async () => {
  const proc = procOf([0, 1_002, 1_001, 100_000, 1_001])
  expect(await otherUsers({ proc, uid: 1_000 })).toEqual({ kind: 'some', uids: [1_001, 1_002, 100_000] })
})

it('what cannot be seen is unknown: no /proc, hidden processes, the network of a host seen from a container', async () => {
  expect(await otherUsers({ proc: '/no-such-directory', uid: 0 })).toMatchObject({ kind: 'unknown' })
  const withoutFirst = procOf([])
  mkdirSync(join(withoutFirst, '7'))
  expect(await otherUsers({ proc: withoutFirst, uid: 0 })).toMatchObject({ kind: 'unknown' })
  const inContainer = { pids: 'pid:[4026532999]', net: 'net:[4026531840]' }
  expect(await otherUsers({ proc: procOf([0], inContainer), uid: 0 })).toMatchObject({ kind: 'unknown' })
  const alone = { ...inContainer, net: 'net:[4026532998]' }
  expect(await otherUsers({ proc: procOf([0], alone), uid: 0 })).toEqual({ kind: 'none' })
})

it.skipIf(process.getuid?.() === 0)(
  'a process that this user may not see makes the answer unknown',
  async () => {
    const proc = procOf([0, 0])
    chmodSync(join(proc, '2', 'status'), 0)
    expect(await otherUsers({ proc, uid: 1_000 })).toMatchObject({ kind: 'unknown' })
  },
)
