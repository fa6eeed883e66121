import { join } from 'node:path'
import { type Mailbox, type Message, parseMessage } from '@iapeer/core/mailbox'
import { rootLayout } from '@iapeer/core/paths'
import { listPeers } from '@iapeer/core/registry'
import { readLockHolder } from '@iapeer/core/storage'
import { heldBy } from '@iapeer/lifecycle/launch'
import { isHeld, listMailboxes, peerOfMailbox, startsHeldSince } from '@iapeer/lifecycle/mail'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { namesIfThere, textIfThere } from '../read.ts'

/** How long a message may be in these states before that is a finding, in milliseconds. */
const UNSURE_MS = 2 * 60_000
const HELD_MS = 10 * 60_000
/** The lock of a mailbox is held for work on files only. */
const LOCK_MS = 30_000

interface Box {
  readonly box: Mailbox
  /** Its peer, or where it is. */
  readonly name: string
}

const minutes = (ms: number): string => `${Math.floor(ms / 60_000)} min`

/** Returns the age of a message in its present state, in milliseconds. */
const ageMs = ({ history, at }: Message, now: Date): number =>
  now.getTime() - Date.parse(history.at(-1)?.at ?? at)

/** Returns one finding about the messages of a mailbox that have been in a state for too long; the oldest one is named. */
function lasting(
  messages: readonly Message[],
  now: Date,
  finding: (oldest: Message, count: string) => Finding,
): Finding[] {
  const [oldest, ...more] = [...messages].sort((one, other) => ageMs(other, now) - ageMs(one, now))
  if (oldest === undefined) return []
  return [finding(oldest, more.length === 0 ? 'one message' : `${more.length + 1} messages`)]
}

function stuck({ name }: Box, open: readonly Message[], now: Date): Finding[] {
  const unsure = open.filter(
    (one) => one.state === 'offered' && one.attempt?.unsure === true && ageMs(one, now) > UNSURE_MS,
  )
  const held = open.filter((one) => isHeld(one) && ageMs(one, now) > HELD_MS)
  return [
    ...lasting(unsure, now, (oldest, count) => ({
      id: 'message-unsure',
      level: 'warning',
      what: `it is not certain whether ${name} has ${count}, for up to ${minutes(ageMs(oldest, now))}`,
      where: oldest.id,
      fix: `Look at its screen: iapeer attach ${name}; it is settled when its session ends. iapeer mail show ${oldest.id}`,
    })),
    ...lasting(held, now, (oldest, count) => ({
      id: 'message-held',
      level: 'warning',
      what: `${count} to ${name} ${count === 'one message' ? 'is' : 'are'} held, for up to ${minutes(ageMs(oldest, now))}`,
      where: oldest.id,
      fix: `iapeer mail show ${oldest.id} says why; iapeer mail release ${oldest.id}, or iapeer mail return ${oldest.id}`,
    })),
  ]
}

/** The open messages of a mailbox, and the findings about files that this version cannot read. */
interface Opened {
  readonly open: readonly Message[]
  readonly findings: readonly Finding[]
}

/** Reads the open messages. Other readers set a broken file aside; this one changes nothing. */
async function readOpen({ box, name }: Box): Promise<Opened> {
  const open: Message[] = []
  const findings: Finding[] = []
  const ids = new Set((await box.openFiles()).map(({ id }) => id))
  const directory = join(box.directory, 'open')
  for (const file of await namesIfThere(directory)) {
    const where = join(directory, file)
    const parsed = file.endsWith('.json') ? parseMessage((await textIfThere(where)) ?? '') : undefined
    if (parsed === undefined) continue
    if (parsed.ok) {
      if (ids.has(parsed.message.id)) open.push(parsed.message)
    } else if (parsed.problem === 'newer')
      findings.push({
        id: 'message-newer',
        level: 'warning',
        what: `a message to ${name} was written by a later version of iapeer, and is not given by this one`,
        where,
        fix: 'Use that version of iapeer again.',
      })
    // The file can have been closed meanwhile.
    else if ((await textIfThere(where)) !== undefined) findings.push(corrupt(name, where))
  }
  return { open, findings }
}

const corrupt = (name: string, where: string): Finding => ({
  id: 'message-corrupt',
  level: 'warning',
  what: `a message to ${name} cannot be read, and is not given`,
  where,
  fix: 'Read the file and send the message again if it is needed, then delete the file.',
})

/** Returns a finding for each message file that was set aside because it could not be read. */
async function setAside({ box, name }: Box): Promise<Finding[]> {
  const paths = ['open', 'closed'].map(async (place) =>
    (await namesIfThere(join(box.directory, place)))
      .filter((file) => /\.corrupt(?:-.+)?$/.test(file))
      .map((file) => join(box.directory, place, file)),
  )
  return (await Promise.all(paths)).flat().map((where) => corrupt(name, where))
}

async function locked({ box, name }: Box, now: Date): Promise<Finding[]> {
  const holder = await readLockHolder(join(box.directory, 'lock'))
  if (holder === undefined || holder.liveness === 'gone') return []
  const heldMs = now.getTime() - Date.parse(holder.since)
  if (heldMs < LOCK_MS) return []
  return [
    {
      id: 'mailbox-locked',
      level: 'warning',
      what: `the mailbox of ${name} is locked by pid ${holder.pid} for ${Math.floor(heldMs / 1_000)} s: its messages wait`,
      where: join(box.directory, 'lock'),
      fix: `Look at that process: ps -o pid,stat,args -p ${holder.pid}. If it is stopped, continue it (kill -CONT) or end it.`,
    },
  ]
}

async function boxes(root: string): Promise<Box[]> {
  const mailboxes = await listMailboxes(root)
  const entries = mailboxes.length === 0 ? [] : await listPeers(root)
  return Promise.all(
    mailboxes.map(async (known) => ({
      box: known.box,
      name: (await peerOfMailbox(root, known, entries))?.personality ?? known.id,
    })),
  )
}

async function runMessages({ root, now }: DoctorContext): Promise<Finding[]> {
  const findings: Finding[] = []
  const since = await startsHeldSince(root)
  if (since !== undefined)
    findings.push({
      id: 'starts-held',
      level: 'warning',
      what: `messages start no peers since ${since}: several peers died within a minute`,
      where: rootLayout(root).mailDir,
      fix: 'Find out why (iapeer deaths), then allow it: iapeer mail resume',
    })
  const held = await heldBy(root)
  if (held !== undefined)
    findings.push({
      id: 'restarts-held',
      level: 'warning',
      what: `no peer is restarted: ${held}`,
      where: rootLayout(root).launchDir,
      fix: 'Find out why (iapeer deaths), then start the peers: iapeer start --all --resume-or-fresh',
    })
  const all = await boxes(root)
  for (const one of all) {
    const { open, findings: unreadable } = await readOpen(one)
    findings.push(
      ...stuck(one, open, now),
      ...unreadable,
      ...(await setAside(one)),
      ...(await locked(one, now)),
    )
  }
  if (findings.length > 0 || all.length === 0) return findings
  return [{ id: 'messages', level: 'ok', what: 'no message is stuck' }]
}

export const messages: Check = { id: 'messages', title: 'Messages', group: 'sessions', run: runMessages }
