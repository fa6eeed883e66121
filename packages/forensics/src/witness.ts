import { parseLogfmt } from '@iapeer/core/logfmt'

/** A process at the time it was seen. In its command, long words and words that look like secrets are cut. */
export interface SeenProcess {
  readonly pid: number
  readonly command: string
  /** Its user, if recorded. */
  readonly user?: string
  /** Its terminal; `?` for a process without one. Undefined if not recorded. */
  readonly tty?: string
  /** The pid of the leader of its session (Linux). Undefined if not recorded. */
  readonly session?: number
}

/** The process that killed, and its ancestors, the nearest first. */
export interface Killer extends SeenProcess {
  readonly ancestors: readonly SeenProcess[]
}

/** A parsed `server-deaths/<identity>-<gen>.witness`. */
export interface Witness {
  /** The tmux command, `kill-server` or another that kills. */
  readonly command: string
  /** `high`: the server itself named the client. `low`: the file lists every client that can have run the command. */
  readonly confidence: 'high' | 'low'
  readonly killers: readonly Killer[]
  /** The user and the terminal of the first killer: `user ada, terminal pts/3`. */
  readonly owner: string | undefined
  /** When the witness saw the command, epoch milliseconds. */
  readonly atMs: number | undefined
}

function seen(line: string): (SeenProcess & { depth: number }) | undefined {
  const { fields } = parseLogfmt(line)
  const { pid, depth, command, user, tty, session = '' } = fields
  if (!line.startsWith('process ') || !/^\d{1,10}$/.test(pid ?? '') || !/^\d{1,3}$/.test(depth ?? ''))
    return undefined
  return {
    ...{ pid: Number(pid), depth: Number(depth), command: command ?? '' },
    ...(user === undefined ? {} : { user }),
    ...(tty === undefined ? {} : { tty }),
    ...(/^\d{1,10}$/.test(session) ? { session: Number(session) } : {}),
  }
}

function ownerOf(line: string | undefined): string | undefined {
  const { user = '', tty = '' } = parseLogfmt(line ?? '').fields
  if (user === '') return undefined
  return tty === '' || tty === '?' ? `user ${user}` : `user ${user}, terminal ${tty}`
}

/** Parses a witness file. Never throws; returns undefined if the first line is not that of a witness. */
export function parseWitness(text: string): Witness | undefined {
  const [head = '', ...lines] = text.split('\n')
  const { command, confidence, ts_ms: seenMs } = parseLogfmt(head).fields
  if (!head.startsWith('witness ') || command === undefined) return undefined
  const killers: (SeenProcess & { ancestors: SeenProcess[] })[] = []
  for (const line of lines) {
    const process = seen(line)
    if (process === undefined) continue
    const { depth, ...one } = process
    if (depth === 0) killers.push({ ...one, ancestors: [] })
    else killers.at(-1)?.ancestors.push(one)
  }
  const owner = ownerOf(lines.find((line) => seen(line)?.depth === 0))
  const atMs = seenMs !== undefined && /^\d{9,15}$/.test(seenMs) ? Number(seenMs) : undefined
  return { command, confidence: confidence === 'high' ? 'high' : 'low', killers, owner, atMs }
}

/** Returns the killer if the witness has confidence `high` and names exactly one; else undefined. */
export function killerOf(witness: Witness | undefined): Killer | undefined {
  return witness?.confidence === 'high' && witness.killers.length === 1 ? witness.killers[0] : undefined
}
