import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import {
  isMailboxId,
  Mailbox,
  type MailboxId,
  type Message,
  type MessageId,
  newMailboxId,
  OPERATOR_MAILBOX,
} from '@iapeer/core/mailbox'
import { rootLayout } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { listPeers, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { makePrivateDirectory, namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'

/** A file of a mailbox with the home of its peer, so that the peer of a mailbox is found without reading every profile. */
const OWNER = 'owner'

const directoryOf = (root: string, id: MailboxId): string => join(rootLayout(root).mailDir, id)

/** Returns the mailbox of the person who runs this fleet. */
export const operatorMailbox = (root: string): Mailbox => new Mailbox(directoryOf(root, OPERATOR_MAILBOX))

const readOwner = async (directory: string): Promise<string | undefined> =>
  (await readRegularFile(join(directory, OWNER)))?.text.trim() || undefined

/** Notes whose mailbox it is. */
async function writeOwner(directory: string, home: string): Promise<void> {
  await makePrivateDirectory(directory)
  await replaceFile(join(directory, OWNER), `${home}\n`)
}

/** Whether a mailbox is that of another peer: the home, with its profile, was copied. */
async function isOfAnother(directory: string, id: MailboxId, home: string): Promise<boolean> {
  const owner = await readOwner(directory)
  if (owner === undefined || owner === home) return false
  return (await readProfile(owner))?.mailbox === id
}

/**
 * Returns the mailbox of a peer. A peer of an earlier version gets one, and so does one whose profile was copied.
 * @throws IapeerError `no-mailbox` if its profile is missing, and those of `updatePeer`
 */
export async function mailboxOf(
  root: string,
  { home, personality }: Pick<PeerEntry, 'home' | 'personality'>,
): Promise<Mailbox> {
  const profile = await readProfile(home)
  if (profile === undefined)
    throw new IapeerError(`${personality} has no mailbox: ${home} has no profile`, {
      code: 'no-mailbox',
      hint: 'Restore it from the registry: iapeer verify --fix',
    })
  const known = profile.mailbox
  if (known !== undefined) {
    const directory = directoryOf(root, known)
    if ((await readOwner(directory)) === home) return living(new Mailbox(directory))
    if (!(await isOfAnother(directory, known, home))) {
      await writeOwner(directory, home)
      return new Mailbox(directory)
    }
  }
  const { profile: updated } = await updatePeer(root, personality, (present) =>
    present.mailbox === known ? { mailbox: newMailboxId() } : {},
  )
  if (updated.mailbox === undefined) throw new RangeError(`the profile of ${personality} got no mailbox`)
  const directory = directoryOf(root, updated.mailbox)
  await writeOwner(directory, home)
  return new Mailbox(directory)
}

/** A removal takes seconds. A mark that is older, of a peer that is registered, is of a removal that did not happen. */
const REMOVAL_MS = 60_000

/** Takes the mark of a removal that did not happen, or that was undone, from the mailbox of a registered peer. */
async function living(box: Mailbox): Promise<Mailbox> {
  const since = await box.removedMs()
  if (since !== undefined && Date.now() - since > REMOVAL_MS) await box.unmarkRemoved()
  return box
}

/** Returns the mailbox of a peer if it exists; does not make one. */
export async function existingMailbox(
  root: string,
  { home }: Pick<PeerEntry, 'home'>,
): Promise<Mailbox | undefined> {
  const id = (await readProfile(home))?.mailbox
  return id === undefined ? undefined : new Mailbox(directoryOf(root, id))
}

/** A mailbox of this root, and the home of its peer. */
export interface KnownMailbox {
  readonly id: MailboxId
  readonly box: Mailbox
}

/** Lists the mailboxes of a root, by name. */
export async function listMailboxes(root: string): Promise<readonly KnownMailbox[]> {
  const names = (await namesIn(rootLayout(root).mailDir)).sort()
  return names.filter(isMailboxId).map((id) => ({ id, box: new Mailbox(directoryOf(root, id)) }))
}

/** Returns the peer of a mailbox; undefined if that peer was removed, or for the mailbox of the operator. */
export async function peerOfMailbox(
  root: string,
  { id, box }: KnownMailbox,
  entries?: readonly PeerEntry[],
): Promise<PeerEntry | undefined> {
  const home = await readOwner(box.directory)
  if (home === undefined) return undefined
  const entry = (entries ?? (await listPeers(root))).find((one) => one.home === home)
  if (entry === undefined || !(await box.isRemoved())) return entry
  // A new peer in the home of a removed one has a mailbox of its own.
  return (await readProfile(home))?.mailbox === id ? entry : undefined
}

const PAUSED = 'paused'

/** Stops the delivery of a mailbox, until {@link resumeMailbox}. What is sent to it is stored and waits. */
export async function pauseMailbox(box: Mailbox): Promise<void> {
  await box.create()
  await replaceFile(join(box.directory, PAUSED), `${new Date().toISOString()}\n`)
  await box.announce()
}

export async function resumeMailbox(box: Mailbox): Promise<void> {
  await rm(join(box.directory, PAUSED), { force: true })
  await box.create()
  await box.announce()
}

/** Whether a person has stopped the delivery of a mailbox. */
export const isPaused = async (box: Mailbox): Promise<boolean> =>
  (await readRegularFile(join(box.directory, PAUSED))) !== undefined

/** A message, and the mailbox that it is in. */
export interface FoundMessage {
  readonly message: Message
  readonly box: Mailbox
}

/** Finds a message in any mailbox; undefined if none has it. */
export async function messageIfThere(root: string, id: MessageId): Promise<FoundMessage | undefined> {
  for (const { box } of await listMailboxes(root)) {
    const message = await box.read(id)
    if (message !== undefined) return { message, box }
  }
  return undefined
}

/** Finds a message in any mailbox. @throws IapeerError `no-such-message` */
export async function findMessage(root: string, id: MessageId): Promise<FoundMessage> {
  const found = await messageIfThere(root, id)
  if (found !== undefined) return found
  throw new IapeerError(`no message has the id ${id}`, { code: 'no-such-message' })
}
