import { usageError } from '../../exit-code.ts'

/** Returns the named peer, or undefined for `--all`. @throws IapeerError `usage` if neither or both are given */
export function oneOrAll(peer: string | undefined, all: boolean): string | undefined {
  const hint = 'Pass the name of one peer, or --all.'
  if (all && peer !== undefined) throw usageError('--all cannot be combined with a peer', hint)
  if (!all && peer === undefined) throw usageError('expected a peer or --all', hint)
  return peer
}
