import { errnoOf } from './iapeer-error.ts'

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Check the owner and the mode of that path (ls -ld).',
  EPERM: 'Check the owner and the mode of that path (ls -ld).',
  ENOSPC: 'Free some space on that disk.',
  EDQUOT: 'Your disk quota is used up: free some space.',
  EROFS: 'That disk is mounted read-only: mount it writable, or use another directory.',
  ENOTDIR: 'A file is in the place of a directory: move it away, or use another path.',
  ENAMETOOLONG: 'Use a shorter path.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENOENT: 'Check that this directory still exists.',
}

/** Returns what to do about an error of the system, by its errno; undefined for any other error. */
export function systemHint(error: unknown): string | undefined {
  return HINTS[errnoOf(error) ?? '']
}
