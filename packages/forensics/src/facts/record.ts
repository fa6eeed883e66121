import { type ConclusiveCause, GUARD_CAUSES, UNSEEN_CAUSES, WATCH_CAUSES } from '../cause-table.ts'
import type { ExitRecord, ServerExit, SessionExit } from '../exit-record.ts'
import type { Fact, FactName } from '../fact.ts'
import { isFault } from '../signal-name.ts'
import { STOPPING_HOST } from './systemd.ts'

const SECTION = 'exits.log'

interface How {
  readonly names: readonly FactName[]
  readonly text: string
  readonly values?: Readonly<Record<string, string>>
}

function bySignal(signal: string, text: string): How {
  const values = { signal }
  if (isFault(signal)) return { names: ['ended-fault'], text, values }
  const kill: FactName[] = signal === 'SIGKILL' ? ['ended-sigkill', 'may-be-sigkill'] : []
  return { names: ['ended-signal', 'may-be-terminated', ...kill], text, values }
}

/** A client that watched: its exit code only says how it lost the server. */
function byClient(status: number | undefined): How {
  if (status === 0)
    return {
      names: ['ended-in-order', 'may-be-terminated'],
      text: 'the watching client was told to exit (0) before the server process ended',
    }
  if (status !== undefined && status >= 128)
    return {
      names: ['ended-swept', 'may-be-sigkill', 'may-be-terminated'],
      text: `the watching client itself was killed (exit code ${status}), and the server process was gone`,
    }
  return {
    names: ['ended-unseen', 'may-be-sigkill'],
    text: 'the watching client lost its server without being told to exit, and the server process was gone',
  }
}

function byGuard({ waitStatus, signal }: ServerExit): How {
  const text = `wait status ${waitStatus ?? 'unknown'} of the server process`
  if (signal !== undefined) return bySignal(signal, text)
  if (waitStatus === undefined) return { names: ['ended-unseen', 'may-be-sigkill'], text }
  const values = { status: String(waitStatus) }
  return waitStatus === 0
    ? { names: ['ended-zero', 'may-be-terminated'], text, values }
    : { names: ['ended-nonzero'], text, values }
}

interface CauseText {
  readonly names: readonly FactName[]
  readonly text: string
  readonly shared?: string
}

/** Causes that say more than the wait status. */
const CAUSES: Readonly<Record<ConclusiveCause, CauseText>> = {
  'host-shutdown': {
    names: ['host-stopping'],
    text: STOPPING_HOST,
    shared: 'shutdown',
  },
  'service-stop': { names: ['unit-stopping'], text: 'its unit was being stopped at that moment' },
  'killed-by-command': { names: ['command-recorded'], text: 'the command was witnessed while it ran' },
  'recorder-lost': {
    names: ['recorder-lost', 'may-be-sigkill'],
    text: 'both processes were gone and nobody had recorded a death',
  },
  'host-reboot': { names: ['host-reboot'], text: 'the server was armed in another boot' },
  'leader-removed': {
    names: ['leader-removed'],
    text: 'the pane of the agent was removed while the server lived on',
  },
}

const isConclusive = (cause: string): cause is ConclusiveCause => Object.hasOwn(CAUSES, cause)

const causeTextOf = (cause: string | undefined): CauseText | undefined =>
  cause !== undefined && isConclusive(cause) ? CAUSES[cause] : undefined

const includes = (causes: readonly string[], cause: string): boolean => causes.includes(cause)

function howServer(record: ServerExit): How | undefined {
  if (includes(UNSEEN_CAUSES, record.cause)) return { names: [], text: '' }
  if (record.mode === 'guard' || includes(GUARD_CAUSES, record.cause)) return byGuard(record)
  if (record.mode === 'watch' || includes(WATCH_CAUSES, record.cause)) {
    const status = { 'signaled-server-gone': 0, 'server-vanished': 1 }[record.cause] ?? record.waitStatus
    return byClient(record.cause === 'client-killed-server-gone' ? (record.waitStatus ?? 137) : status)
  }
  return undefined
}

function howSession({ signal, exitCode, cause }: SessionExit): How {
  if (signal !== undefined) return bySignal(signal, `its process ended by ${signal}`)
  if (cause === 'leader-removed') return { names: [], text: '' }
  if (exitCode === undefined)
    return {
      names: ['ended-unseen', 'may-be-sigkill'],
      text: 'the status of its process is not known; tmux before 3.3 does not tell of signals',
    }
  const text = `exit code ${exitCode} of its process`
  const told: FactName[] = [0, 129, 130, 143].includes(exitCode) ? ['may-be-terminated'] : []
  // What shells and runners say of a child of theirs that was killed: 128 and SIGKILL.
  const killed: FactName[] = exitCode === 137 ? ['ended-as-killed'] : []
  return {
    names: [exitCode === 0 ? 'ended-zero' : 'ended-nonzero', ...told, ...killed],
    text,
    values: { status: String(exitCode) },
  }
}

/** What the line in exits.log says. */
export function recordFacts(record: ExitRecord, boot: string | undefined): Fact[] {
  const subject: FactName = record.event === 'server-exit' ? 'server' : 'agent'
  const facts: Fact[] = []
  const how = record.event === 'server-exit' ? howServer(record) : howSession(record)
  const cause = causeTextOf(record.cause)
  if (how !== undefined && how.text !== '')
    facts.push({ ...how, names: [subject, ...how.names], section: SECTION })
  if (cause !== undefined) {
    const shared = record.cause === 'host-reboot' && boot !== undefined ? `end of boot ${boot}` : cause.shared
    facts.push({
      names: [subject, ...cause.names],
      section: SECTION,
      text: cause.text,
      ...(shared === undefined ? {} : { shared: [shared] }),
    })
  }
  if (facts.length === 0)
    facts.push({ names: [subject], section: SECTION, text: `cause=${record.cause ?? 'none'}` })
  return facts
}
