import { toIdentity, toRuntime } from '@iapeer/core/identity'
import { findPeer } from '@iapeer/core/registry'
import { expect, it } from 'vitest'
import { launchPeer } from '../src/index.ts'
import {
  mailboxOf,
  mailRoute,
  mailSummary,
  messagesInFlight,
  pauseMailbox,
  returnMessage,
} from '../src/mail/index.ts'
import { listSessions } from '../src/sessions/index.ts'
import { editProfile, OPERATOR, send } from './mail-support.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot } = roots()

async function bobOf({ root }: TestRoot) {
  const entry = await findPeer(root, 'bob')
  if (entry === undefined) throw new Error('no peer bob')
  return entry
}

it('counts each open message once, and says how messages reach a peer', async () => {
  const test = newRoot()
  await test.peer(['sleep', '1000'])
  expect(await mailRoute(test.root, await bobOf(test), undefined)).toEqual({ kind: 'pull' })
  const first = await send(test.root, 'bob', 'one')
  await editProfile(test.root, 'bob', { interfaces: { mail: { way: 'directory', hold: ['ann'] } } })
  const ann = { kind: 'peer', proof: 'ancestor', identity: toIdentity('claude-ann') } as const
  await send(test.root, 'bob', 'two', { sender: ann })
  const bob = await bobOf(test)
  expect(await mailSummary(test.root, bob)).toEqual({
    ...{ waiting: 1, held: 1, offered: 0, unsure: 0, taken: 0, oldestAt: first.at, isPaused: false },
  })
  await pauseMailbox(await mailboxOf(test.root, bob))
  await returnMessage(test.root, first.id, OPERATOR)
  expect(await mailSummary(test.root, bob)).toMatchObject({ waiting: 0, held: 1, isPaused: true })
  expect(await messagesInFlight(test.root, { gen: '0'.repeat(16), ts: first.at })).toEqual([])

  expect(await mailRoute(test.root, bob, undefined)).toEqual({ kind: 'way', way: 'directory' })
  await launchPeer(test.root, bob)
  const [session] = await listSessions(test.root)
  if (session === undefined) throw new Error('no session')
  expect(await mailRoute(test.root, bob, session)).toEqual({ kind: 'way', way: 'directory' })
  expect(await mailRoute(test.root, bob, { ...session, mail: undefined })).toEqual({ kind: 'old-session' })
  const unknown = { ...bob, runtimes: [...bob.runtimes, toRuntime('claude')] }
  expect(await mailRoute(test.root, unknown, undefined)).toEqual({ kind: 'unknown' })
})
