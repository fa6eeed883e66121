import { isIapeerError } from '@iapeer/core/errors'
import type { connectDaemon } from '@iapeer/protocol'
import type { messageOfCall } from '@iapeer/protocol/mcp'

type ToolMessage = ReturnType<typeof messageOfCall>
type Receipt = Awaited<ReturnType<NonNullable<Awaited<ReturnType<typeof connectDaemon>>>['send']>>

const NO_DAEMON = 'No daemon is running: the message is delivered when one is started (iapeer daemon start).'
const HUNG = 'The daemon does not answer: the message is delivered when it does.'

/** A daemon that hangs or has exited, and one of a version without messages: the message can be stored without it. */
const WITHOUT_DAEMON: ReadonlySet<string> = new Set(['daemon-unreachable', 'not-found'])

/** Sends by the daemon; each message connects anew, so a daemon may be started or restarted at any time. */
async function byDaemon(
  root: string,
  message: ToolMessage,
  bearer: string,
): Promise<Receipt | typeof NO_DAEMON | typeof HUNG> {
  const { connectDaemon } = await import('@iapeer/protocol')
  try {
    const daemon = await connectDaemon(root)
    return daemon === undefined ? NO_DAEMON : await daemon.send(message, bearer)
  } catch (error) {
    if (!isIapeerError(error) || !WITHOUT_DAEMON.has(error.code)) throw error
    return HUNG
  }
}

/**
 * Sends a message of a tool call: by the daemon, else it is stored without it. The id of the call keeps a message from being stored
 * twice if the daemon has stored it and could not answer. Without a bearer only this process can find out who sends.
 */
export async function deliver(root: string, given: ToolMessage, env: NodeJS.ProcessEnv): Promise<Receipt> {
  const message = { ...given, cwd: process.cwd() }
  const bearer = env['IAPEER_BEARER'] ?? ''
  const answer = bearer === '' ? undefined : await byDaemon(root, message, bearer)
  if (typeof answer === 'object') return answer
  const { identifySender, sendMessage } = await import('@iapeer/lifecycle/mail')
  const stored = await sendMessage(root, { ...message, sender: await identifySender(root, { env }) })
  const note = [stored.note, stored.state === 'returned' ? undefined : answer]
    .filter((line) => line !== undefined)
    .join('\n')
  return { schemaVersion: 2, ...stored, ...(note === '' ? {} : { note }) }
}
