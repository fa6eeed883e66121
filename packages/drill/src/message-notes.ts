import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

const noteDirectory = (directory: string): string => join(directory, 'messages')

/** Returns the file in which the program of a peer notes its messages. @param directory that of its site */
export const noteFileOf = (directory: string, name: string): string => join(noteDirectory(directory), name)

/** Makes the directory of these files. */
export const makeNoteDirectory = (directory: string): Promise<unknown> =>
  mkdir(noteDirectory(directory), { mode: 0o700 })
