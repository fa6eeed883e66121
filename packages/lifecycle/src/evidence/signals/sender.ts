import { readFileSync } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { parseProcCmdline, parseProcStat } from '@iapeer/core/process'
import { cleanCommand } from './clean-command.ts'

/** A process as it was when it was seen. */
interface SeenTask {
  readonly pid: number
  readonly comm: string
  /** Long and secret-looking words are cut. Undefined when it was gone before it could be read. */
  readonly command?: string | undefined
  readonly user?: string | undefined
}

export interface SeenSender extends SeenTask {
  /** Who started it, nearest first, at most eight. */
  readonly ancestors: readonly SeenTask[]
}

const MOST_ANCESTORS = 8

/** Undefined where it is gone, or hidden. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function readCommand(pid: number): string | undefined {
  const text = textOf(`/proc/${pid}/cmdline`)
  const argv = text === undefined ? [] : (parseProcCmdline(Buffer.from(text, 'latin1'))?.argv ?? [])
  return argv.length === 0 ? undefined : cleanCommand(argv)
}

function userName(uid: string): string {
  const line = (textOf('/etc/passwd') ?? '').split('\n').find((one) => one.split(':')[2] === uid)
  return line?.split(':')[0] ?? uid
}

function readUser(pid: number): string | undefined {
  const [, uid] = /^Uid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`) ?? '') ?? []
  return uid === undefined ? undefined : userName(uid)
}

interface Place {
  readonly ppid: number
  readonly comm: string
}

function readPlace(pid: number): Place | undefined {
  const text = textOf(`/proc/${pid}/stat`)
  const facts = text === undefined ? undefined : parseProcStat(text)
  if (text === undefined || facts === undefined || !('ppid' in facts)) return undefined
  return { ppid: facts.ppid, comm: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')) }
}

/**
 * Who a process is, and who started it, from /proc. Read at once and without waiting: who sends a signal often ends within
 * a millisecond.
 */
export function seeSender(pid: number, comm: string): SeenSender {
  const place = readPlace(pid)
  const command = readCommand(pid)
  const user = readUser(pid)
  // Somebody else's by now.
  if (place !== undefined && place.comm !== comm) return { pid, comm, ancestors: [] }
  const ancestors: SeenTask[] = []
  for (let at = place?.ppid ?? 0; at > 0 && ancestors.length < MOST_ANCESTORS; ) {
    const parent = readPlace(at)
    if (parent === undefined) break
    ancestors.push({ pid: at, comm: parent.comm, command: readCommand(at) })
    at = parent.ppid
  }
  return { pid, comm, command, user, ancestors }
}
