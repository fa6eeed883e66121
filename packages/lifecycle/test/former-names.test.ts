import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { addNotified, readNotified } from '../src/deaths/notify/notified.ts'
import { deliverPending, listPending } from '../src/deaths/notify/outbox.ts'
import { isDetached, noteDetached, sweepDetached } from '../src/sessions/index.ts'

const track = asyncCleanups()
const BOB = toIdentity('command-bob')
const [GEN, OTHER] = ['00112233445566aa', '00112233445566bb']

/** A root whose `state/lifecycle` holds files as commit 8db4440 named them. */
function formerRoot(files: Readonly<Record<string, string>>): {
  root: string
  path: (name: string) => string
} {
  const directory = privateDirectory()
  track(directory.remove)
  const path = (name: string): string => join(directory.path, 'state', 'lifecycle', name)
  mkdirSync(path('news'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text)
  return { root: directory.path, path }
}

it('deaths that told.json names count as notified, and notified.json is written from then on', async () => {
  const { root, path } = formerRoot({ 'told.json': '["command-bob-1"]\n' })
  const notified = await readNotified(root)
  expect(notified).toEqual(new Set(['command-bob-1']))
  await addNotified(root, ['command-bob-2'], () => [])
  expect(JSON.parse(readFileSync(path('notified.json'), 'utf8'))).toEqual(['command-bob-1', 'command-bob-2'])
  expect(await readNotified(root)).toEqual(new Set(['command-bob-1', 'command-bob-2']))
})

it('deaths that an earlier version notified after the first start of this one are not notified again', async () => {
  const { root, path } = formerRoot({ 'told.json': '["command-bob-1"]\n' })
  await addNotified(root, ['command-bob-2'], () => [])
  writeFileSync(path('told.json'), '["command-bob-1","command-bob-3"]\n')
  expect(await readNotified(root)).toEqual(new Set(['command-bob-1', 'command-bob-2', 'command-bob-3']))
  writeFileSync(path('told.json'), '[')
  expect(await readNotified(root)).toEqual(new Set(['command-bob-1', 'command-bob-2']))
})

it('a notification that an earlier version left in news/ is delivered once', async () => {
  const notification = {
    ...{ schemaVersion: 1, id: 'command-bob-1', kind: 'death', summary: 'it died' },
    ...{ verdict: 'unknown', confidence: 'low', deaths: [{ id: 'command-bob-1' }] },
  }
  const { root, path } = formerRoot({ 'news/command-bob-1.hook.json': `${JSON.stringify(notification)}\n` })
  const heard = join(root, 'heard')
  mkdirSync(join(root, 'hooks'))
  writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >>'${heard}'\n`, { mode: 0o700 })
  const env = { PATH: process.env['PATH'] }
  mkdirSync(path('outbox'))
  writeFileSync(
    path('outbox/command-bob-2.hook.json'),
    `${JSON.stringify({ ...notification, id: 'command-bob-2' })}\n`,
  )
  writeFileSync(path('outbox/command-bob-0.hook.taken'), 'x')
  expect((await listPending(root)).map(({ channel, notification: { id } }) => [channel, id])).toEqual([
    ['hook', 'command-bob-1'],
    ['hook', 'command-bob-2'],
  ])
  for (let count = 0; count < 2; count++)
    expect(await deliverPending(root, env)).toEqual({ failures: [], nextMs: undefined })
  const all = readFileSync(heard, 'utf8').trim().split('\n')
  expect(all.map((line) => JSON.parse(line).id).sort()).toEqual(['command-bob-1', 'command-bob-2'])
  expect(all.map((line) => JSON.parse(line))).toContainEqual(notification)
  expect([readdirSync(path('news')), readdirSync(path('outbox'))]).toEqual([[], []])
})

it('a server that a .left file names is detached, and that file is removed with the server', async () => {
  const { root, path } = formerRoot({ [`${BOB}-${GEN}.left`]: 'x\n', [`${BOB}-x-${OTHER}.left`]: 'x\n' })
  await noteDetached(root, BOB, OTHER)
  expect([isDetached(root, BOB, GEN), isDetached(root, BOB, OTHER)]).toEqual([true, true])
  await sweepDetached(root, BOB, new Set([OTHER]))
  expect([isDetached(root, BOB, GEN), isDetached(root, BOB, OTHER)]).toEqual([false, true])
  expect(existsSync(path(`${BOB}-x-${OTHER}.left`))).toBe(true)
})
