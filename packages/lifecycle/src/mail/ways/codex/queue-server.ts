import { homedir } from 'node:os'
import { followProgram } from '@iapeer/core/exec'
import { fieldsOf, list, text } from '@iapeer/core/json'
import { RpcClient } from '../../../conversations/codex/index.ts'

/** Which queue: that of a directory of Codex, and the program that reads it. */
export interface QueueLocation {
  readonly codexHome: string
  readonly program: string
}

/** A message in the queue of a thread. */
export interface QueuedMessage {
  readonly id: string
  /** The id that its client gave it. */
  readonly mark: string
}

/**
 * Runs requests on the queue of Codex. `codex queue` takes a message as an argument, which every user of the host can read, and cannot
 * tell what is in the queue; so an app-server of our own is started for a moment. It reads its standard input and exits when that is
 * closed, also by the end of this process.
 * @throws RpcRefused, RpcSilent; IapeerError `cannot-run`
 */
export async function onQueue<T>(
  { codexHome, program }: QueueLocation,
  run: (client: RpcClient) => Promise<T>,
): Promise<T> {
  const client = new RpcClient()
  const { PATH, HOME = homedir() } = process.env
  const server = await followProgram([program, 'app-server'], {
    env: { PATH, HOME, CODEX_HOME: codexHome },
    onLine: (line) => client.receive(line),
  })
  void server.ended.then(() => client.close())
  try {
    await client.start(
      { send: (line) => server.write(`${line}\n`), close: () => undefined },
      { experimentalApi: true },
    )
    return await run(client)
  } finally {
    await server.stop()
  }
}

/** Returns the messages in the queue of a thread. @throws RpcRefused, RpcSilent */
export async function listQueue(client: RpcClient, threadId: string): Promise<readonly QueuedMessage[]> {
  const { data } = await client.request('thread/queue/list', { threadId, limit: 1_000 })
  return list(data).flatMap((one) => {
    const [id, mark] = [text(fieldsOf(one)['id']), text(fieldsOf(one)['clientUserMessageId'])]
    return id === undefined || mark === undefined ? [] : [{ id, mark }]
  })
}

/**
 * Takes a message out of the queue of a thread.
 * @returns `removed`: it was there. `not-there`: the queue does not have it. `kept`: it could not be removed
 * @throws RpcRefused, RpcSilent
 */
export async function removeFromQueue(
  client: RpcClient,
  threadId: string,
  mark: string,
): Promise<'removed' | 'not-there' | 'kept'> {
  const queued = (await listQueue(client, threadId)).find((one) => one.mark === mark)
  if (queued === undefined) return 'not-there'
  const request = { threadId, queuedSubmissionId: queued.id }
  return (await client.request('thread/queue/delete', request))['deleted'] === true ? 'removed' : 'kept'
}
