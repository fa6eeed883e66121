import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { parseFields } from '@iapeer/core/json'
import { rootLayout, SOCKET_PATH_LIMIT } from '@iapeer/core/paths'
import { namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { parseSessionMail, type SessionMail } from './session-mail.ts'

/** The longest path below a session directory: the socket that Claude Code makes, `cc-socks/<pid>.sock`. */
const LONGEST_BELOW = Buffer.byteLength('/cc-socks/4194304.sock')
/** What the session file has about messages, for a session file that is lost. */
const NOTE = 'session'

/** Returns the directory of the session directories, whose paths are short enough for sockets. */
export function sessionsDirectory(root: string): string {
  const { sessionsDir, socketDir } = rootLayout(root)
  for (const usual of [sessionsDir, join(socketDir, 's')])
    if (Buffer.byteLength(join(usual, '01234567')) + LONGEST_BELOW <= SOCKET_PATH_LIMIT) return usual
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 12)
  const { uid } = userInfo()
  return join(process.env['XDG_RUNTIME_DIR'] || tmpdir(), `iapeer-${uid}-${hash}`)
}

/** Writes into the directory of a session which generation it belongs to. */
export async function noteSessionMail(gen: string, mail: SessionMail): Promise<void> {
  await replaceFile(join(mail.directory, NOTE), `${JSON.stringify({ gen, ...mail })}\n`)
}

/** Returns what a generation was launched with for messages, from its directory; undefined if that is gone. */
export async function findSessionMail(root: string, gen: string): Promise<SessionMail | undefined> {
  const parent = sessionsDirectory(root)
  for (const name of await namesIn(parent)) {
    const found = await readRegularFile(join(parent, name, NOTE))
    const fields = parseFields(found?.text ?? '')
    if (fields?.['gen'] === gen) return parseSessionMail(fields)
  }
  return undefined
}
