import { readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Message } from '@iapeer/core/mailbox'
import { identifyProcess } from '@iapeer/core/process'
import { readProfileText, replaceProfileText } from '@iapeer/core/profile'
import { findPeer, upsertPeer } from '@iapeer/core/registry'
import { acquireLock } from '@iapeer/core/storage'
import { until } from '@iapeer/dev/testing'
import { mailboxOf, messageView, type SendRequest, sendMessage } from '../src/mail/index.ts'

export const OPERATOR = { kind: 'operator', proof: 'terminal' } as const

/** A program that takes each message of its directory and appends it to a file. */
export const RECORDING_PEER = [
  'sh',
  '-c',
  `cd "$IAPEER_MAIL_DIR" && mkdir -p mail/new mail/work mail/taken && cd mail
   while :; do
     for f in new/*.json; do
       mv "$f" work/ 2>/dev/null || continue
       cat "work/\${f#new/}" >> "$0" && mv "work/\${f#new/}" taken/
     done
     sleep 0.02
   done`,
]

/** Changes the profile of a peer as a person does with an editor. */
export async function editProfile(root: string, name: string, fields: object): Promise<void> {
  const entry = await findPeer(root, name)
  const from = await readProfileText(entry?.home ?? '')
  if (entry === undefined || from === undefined) throw new Error(`no profile of ${name}`)
  await replaceProfileText(entry.home, { from, to: JSON.stringify({ ...JSON.parse(from), ...fields }) })
  await upsertPeer(root, entry.home)
}

/** Sends a message as the operator. */
export const send = (root: string, to: string, text: string, more: Partial<SendRequest> = {}) =>
  sendMessage(root, { to, text, sender: OPERATOR, env: {}, ...more })

/** Waits until a message is in a state. */
export const untilState = (
  root: string,
  id: string,
  ...states: readonly Message['state'][]
): Promise<Message> =>
  until(`${id} to be ${states.join(' or ')}`, async () => {
    const message = await messageView(root, id)
    return states.includes(message.state) ? message : undefined
  })

/** Returns the lines of JSON that a recording peer has written. */
export const recorded = (path: string): readonly Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ ...JSON.parse(line) }))

/** Returns the names of the files in the mailbox of a peer. */
export async function mailFiles(
  root: string,
  name: string,
  place: 'open' | 'closed',
): Promise<readonly string[]> {
  const entry = await findPeer(root, name)
  if (entry === undefined) throw new Error(`no peer ${name}`)
  return readdirSync(join((await mailboxOf(root, entry)).directory, place))
}

/** Makes a lock as another running process holds it. */
export async function holdLockAs(path: string, pid: number): Promise<void> {
  const own = await acquireLock(path)
  const text = readlinkSync(path)
  own.release()
  const other = await identifyProcess(pid)
  symlinkSync(text.replace(/pid=\d+,token=[^,]+/, `pid=${pid},token=${other?.token}`), path)
}
