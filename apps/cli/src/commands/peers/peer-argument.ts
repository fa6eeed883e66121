import { usageError } from '../../exit-code.ts'

/** Rejects an empty name; whether the peer exists is checked later. @throws IapeerError `usage` */
function parsePeer(text: string): string {
  if (text === '') throw usageError('the name of the peer is empty', 'iapeer list lists the peers.')
  return text
}

/** The argument `<peer>`. */
export const PEER = {
  help: 'name of the peer, or one of its identities (claude-bob)',
  parse: parsePeer,
} as const
