import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { makePrivateDirectory, replaceFile } from '@iapeer/core/storage'
import type { MailTarget, ProofRequest, Way } from '../../way.ts'
import { jsonLine, programMessages } from './program-message.ts'

/**
 * The directories of a session. The program moves a file from `new` to `work` when it begins with it, and to `taken` when it has handled
 * it, under the same name. What is in `new` can still be taken back.
 */
const PLACES = ['new', 'work', 'taken'] as const
type Place = (typeof PLACES)[number]

const fileName = (id: string, n: number): string => `${id}-${n}.json`

function pathOf({ session }: MailTarget, place: Place, { id, attempt }: ProofRequest): string | undefined {
  const directory = session.mail?.directory
  return directory === undefined ? undefined : join(directory, 'mail', place, fileName(id, attempt.n))
}

/** The attempts that this process has made. An attempt of an earlier daemon may have been written and not made. */
const made = new Set<string>()
const MOST_KNOWN = 10_000

async function exists(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Takes a message back by the same rename by which the program begins with it: only one of them succeeds. */
async function withdraw(target: MailTarget, request: ProofRequest): Promise<boolean> {
  const path = pathOf(target, 'new', request)
  if (path === undefined) return false
  const back = `${path}.back`
  try {
    await rename(path, back)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    const isWithProgram = await exists(pathOf(target, 'work', request))
    return !isWithProgram && !(await exists(pathOf(target, 'taken', request)))
  }
  await rm(back, { force: true })
  return true
}

/** Puts each message into `$IAPEER_MAIL_DIR/mail/new`. A file that the program has moved to `taken` proves that it has it. */
export const directoryWay: Way = {
  name: 'directory',
  prepare: async ({ session }) =>
    session.mail === undefined
      ? { kind: 'off', why: 'the session was started by an earlier version' }
      : {
          kind: 'usable',
          conversation: { kind: 'none', id: '', path: join(session.mail.directory, 'mail') },
        },
  offer: async (target, offer, attempt) => {
    const { mail } = target.session
    if (mail === undefined) return { kind: 'not-made', why: 'the session has no directory', isOff: true }
    if (made.size > MOST_KNOWN) made.clear()
    made.add(attempt.mark)
    for (const place of PLACES) await makePrivateDirectory(join(mail.directory, 'mail', place))
    for (const { id, n, fields } of programMessages(offer, attempt))
      await replaceFile(join(mail.directory, 'mail', 'new', fileName(id, n)), `${jsonLine(fields)}\n`)
    return { kind: 'made' }
  },
  prove: async (target, request) => {
    const isWaiting = await exists(pathOf(target, 'new', request))
    // Looked for in the order in which the program moves the file: one that is moved in between is seen.
    const isBegun = await exists(pathOf(target, 'work', request))
    if (await exists(pathOf(target, 'taken', request))) return { kind: 'taken', by: 'acknowledgement' }
    if (isBegun) return { kind: 'accepted' }
    // A program that removes files instead of moving them gets a message again only after a restart of the daemon.
    return isWaiting || made.has(request.attempt.mark)
      ? { kind: 'none' }
      : { kind: 'absent', why: 'it was not put into the directory' }
  },
  withdraw,
}
