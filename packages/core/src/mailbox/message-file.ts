import { isMessageId, type MessageId } from './message-id.ts'

/** The directory of a mailbox in which a message is. */
export type Place = 'open' | 'closed'

/** A file of a mailbox, as its name states it. */
export interface MessageFile {
  readonly id: MessageId
  readonly seq: number
  readonly place: Place
}

const NAME = /^(\d{8,15})-(m_[a-z2-7]{16})\.json$/

/** Returns the name of the file of a message. */
export const fileNameOf = ({ seq, id }: Pick<MessageFile, 'seq' | 'id'>): string =>
  `${String(seq).padStart(8, '0')}-${id}.json`

/** Reads the name of a file; none where it is not that of a message. */
export function parseFileName(name: string, place: Place): MessageFile[] {
  const [, seq, id] = NAME.exec(name) ?? []
  return isMessageId(id) ? [{ id, seq: Number(seq), place }] : []
}

/** Compares two files by the order in which their messages were stored. */
export const inOrder = (one: MessageFile, other: MessageFile): number =>
  one.seq - other.seq || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)

/** Two processes that store one id at once can leave two names of it: the lower number counts. */
export function unique(files: readonly MessageFile[]): MessageFile[] {
  const seen = new Set<MessageId>()
  return files.filter(({ id }) => !seen.has(id) && seen.add(id))
}
