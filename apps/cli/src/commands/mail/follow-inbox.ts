import type { Mailbox, MessageFile, MessageId } from '@iapeer/core/mailbox'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { DirectoryWatch } from '@iapeer/lifecycle/eventlog'
import { type MessageView, viewOf } from '@iapeer/lifecycle/mail'

/** A change that the system does not report is seen after this time, in milliseconds. */
const LOOK_MS = 500

/** Which messages to follow. */
export interface FollowOptions {
  /** Also those that are closed already. */
  readonly isAll: boolean
  /** At most this many of those that are there at the beginning, the newest. */
  readonly limit: number | undefined
  readonly isShown: (message: MessageView) => Promise<boolean>
  readonly signal: AbortSignal
}

async function filesOf(box: Mailbox, isAll: boolean): Promise<readonly MessageFile[]> {
  const open = await box.openFiles()
  if (!isAll) return open
  return [...(await box.closedFiles()), ...open].sort((one, other) => one.seq - other.seq)
}

/** Yields the messages of a mailbox, and then each new one, every id once. A message that is held is yielded once it is released. */
export async function* followInbox(box: Mailbox, options: FollowOptions): AsyncGenerator<MessageView> {
  const { isAll, limit, isShown, signal } = options
  const seen = new Set<MessageId>()
  const watch = new DirectoryWatch(rootLayout(iapeerRoot()).mailDir)
  try {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const found: MessageView[] = []
      for (const { id } of await filesOf(box, isAll)) {
        if (seen.has(id)) continue
        const message = await box.read(id)
        const view = message && viewOf(message)
        if (view === undefined || !(await isShown(view))) continue
        seen.add(id)
        found.push(view)
      }
      yield* isFirst && limit !== undefined ? found.slice(Math.max(0, found.length - limit)) : found
      await watch.wait(LOOK_MS, signal)
    }
  } finally {
    watch.close()
  }
}
