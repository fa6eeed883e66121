import { join } from 'node:path'
import { replaceFile } from '@iapeer/core/storage'
import { TmuxServer } from '@iapeer/tmux'
import type { Made, MailTarget, Way } from '../../way.ts'
import { jsonLine, type ProgramMessage, programMessages } from './program-message.ts'

/** A terminal in its usual mode passes lines of up to 4,095 bytes on and drops the rest (N_TTY_BUF_SIZE of Linux). */
const LONGEST_LINE = 3_500
const TMUX_MS = 2_000

/** Returns the line of a message; a long text is written to a file that the line names. */
async function lineOf(
  { session }: MailTarget,
  { id, n, fields }: ProgramMessage,
): Promise<string | undefined> {
  const line = jsonLine(fields)
  if (Buffer.byteLength(line) <= LONGEST_LINE) return line
  const directory = session.mail?.directory
  if (directory === undefined) return undefined
  const path = join(directory, `${id}-${n}.json`)
  await replaceFile(path, `${line}\n`)
  return jsonLine({ type: 'iap', id, n, file: path })
}

async function offer(target: MailTarget, messages: readonly ProgramMessage[]): Promise<Made> {
  const { socketPath, server, paneId } = target.session
  const tmux = new TmuxServer({ socketPath, process: server, timeoutMs: TMUX_MS })
  const [first] = messages
  if (first === undefined) return { kind: 'not-made', why: 'nothing to give' }
  const line = await lineOf(target, first)
  if (line === undefined)
    return { kind: 'not-made', why: 'the message is too long for a terminal line', isOff: true }
  const buffer = `iap-${first.id}`
  const loaded = await tmux.run(['load-buffer', '-b', buffer, '-'], { input: `${line}\n` })
  if (loaded.exitCode !== 0) return { kind: 'not-made', why: loaded.stderr.trim() || 'tmux did not answer' }
  // Without -p, tmux writes a carriage return for the newline: the Enter of the line.
  const pasted = await tmux.run(['paste-buffer', '-d', '-b', buffer, '-t', paneId])
  if (pasted.exitCode === 0) return { kind: 'made' }
  // A client that was killed by its time limit may have pasted.
  if (pasted.timedOut) return { kind: 'made' }
  await tmux.run(['delete-buffer', '-b', buffer])
  return { kind: 'not-made', why: pasted.stderr.trim() }
}

/** Types one line of JSON into the pane. Only an acknowledgement by `iapeer ack` proves that the program has it. */
export const paneJson: Way = {
  name: 'pane-json',
  prepare: async () => ({ kind: 'usable', conversation: { kind: 'none', id: '' } }),
  offer: (target, given, attempt) => offer(target, programMessages(given, attempt)),
  prove: async () => ({ kind: 'none' }),
}
