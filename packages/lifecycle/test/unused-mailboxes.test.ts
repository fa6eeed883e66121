import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Mailbox, newMailboxId } from '@iapeer/core/mailbox'
import { rootLayout } from '@iapeer/core/paths'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { deleteUnusedMailboxes } from '../src/mail/mailboxes.ts'

const track = asyncCleanups()
const MINUTE_MS = 60_000

async function newRoot() {
  const { path: root, remove } = privateDirectory()
  track(remove)
  const { mailDir } = rootLayout(root)
  mkdirSync(mailDir, { recursive: true, mode: 0o700 })
  const make = async (): Promise<Mailbox> => {
    const box = new Mailbox(join(mailDir, newMailboxId()))
    await box.create()
    return box
  }
  return { root, mailDir, make, later: (ms: number) => deleteUnusedMailboxes(root, Date.now() + ms) }
}

it('the mailbox of a removed peer is deleted after ten minutes if it never had a message', async () => {
  const { mailDir, make, later } = await newRoot()
  const box = await make()
  await later(60 * MINUTE_MS)
  expect(existsSync(box.directory)).toBe(true)
  await box.markRemoved()
  await later(9 * MINUTE_MS)
  expect(existsSync(box.directory)).toBe(true)
  await later(11 * MINUTE_MS)
  expect(readdirSync(mailDir)).toEqual([])
})

it.each(['open', 'closed', 'files'])('one that has anything in %s stays', async (place) => {
  const { make, later } = await newRoot()
  const box = await make()
  writeFileSync(join(box.directory, place, '0001-m_abc.json.corrupt'), '{')
  await box.markRemoved()
  await later(60 * MINUTE_MS)
  expect(readdirSync(join(box.directory, place))).toEqual(['0001-m_abc.json.corrupt'])
})

it('what a killed daemon had begun to delete is deleted, or comes back if it has a message', async () => {
  const { mailDir, make, later } = await newRoot()
  const [empty, used] = [await make(), await make()]
  writeFileSync(join(used.directory, 'open', '0001-m_abc.json'), '{}')
  for (const { directory } of [empty, used]) renameSync(directory, `${directory}.discarded`)
  await later(0)
  expect(readdirSync(mailDir).map((name) => join(mailDir, name))).toEqual([used.directory])
})
