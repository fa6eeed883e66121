import { type ConclusiveCause, GUARD_CAUSES, UNSEEN_CAUSES, WATCH_CAUSES } from '../cause-table.ts'
import type { ExitRecord, ServerExit, SessionExit } from '../exit-record.ts'
import type { Fact, FactName } from '../fact.ts'
import { codedSignal, isFault, isTermination } from '../signal-name.ts'
import { STOPPING_HOST } from './systemd.ts'

const SECTION = 'exits.log'

/** How the death happened, as the line in exits.log describes it. */
interface Manner {
  readonly names: readonly FactName[]
  readonly text: string
  readonly values?: Readonly<Record<string, string>>
}

/** Signals that the kernel sends when the process itself reached a limit or lost its reader. */
const LIMIT_SIGNALS: Readonly<Record<string, string>> = {
  SIGXCPU: 'it used up its limit of CPU time (ulimit -t)',
  SIGXFSZ: 'it wrote a file larger than its limit (ulimit -f)',
  SIGPIPE: 'it wrote to a pipe or socket that nothing reads any more',
}

const pipeNames = (signal: string): FactName[] => (signal === 'SIGPIPE' ? ['broken-pipe'] : [])

function bySignal(signal: string, text: string): Manner {
  const limit = LIMIT_SIGNALS[signal]
  if (limit !== undefined)
    return {
      names: ['died-by-signal', 'died-by-limit', ...pipeNames(signal)],
      text,
      values: { signal, limit },
    }
  const values = { signal }
  if (isFault(signal)) return { names: ['died-by-fault'], text, values }
  const kill: FactName[] = signal === 'SIGKILL' ? ['died-by-sigkill', 'may-be-sigkill'] : []
  return { names: ['died-by-signal', 'may-be-terminated', ...kill], text, values }
}

/** How a watched server died. The exit code is the client's and only shows how the client lost the server. */
function byClient(status: number | undefined): Manner {
  if (status === 0)
    return {
      names: ['exited-normally', 'may-be-terminated'],
      text: 'the server told the watching client to exit (exit code 0), and the server process was gone',
    }
  if (status !== undefined && status >= 128)
    return {
      names: ['died-with-client', 'may-be-sigkill', 'may-be-terminated'],
      text: `the watching client itself was killed (exit code ${status}), and the server process was gone`,
    }
  return {
    names: ['died-unseen', 'may-be-sigkill'],
    text: 'the watching client lost its server without being told to exit, and the server process was gone',
  }
}

function byGuard({ waitStatus, signal }: ServerExit): Manner {
  const text = `wait status ${waitStatus ?? 'unknown'} of the server process`
  if (signal !== undefined) return bySignal(signal, text)
  if (waitStatus === undefined) return { names: ['died-unseen', 'may-be-sigkill'], text }
  const values = { status: String(waitStatus) }
  return waitStatus === 0
    ? { names: ['exited-zero', 'may-be-terminated'], text, values }
    : { names: ['exited-nonzero'], text, values }
}

interface CauseText {
  readonly names: readonly FactName[]
  readonly text: string
  readonly shared?: string
}

/** The facts of the causes that say more than the wait status. */
const CAUSES: Readonly<Record<ConclusiveCause, CauseText>> = {
  'host-shutdown': {
    names: ['host-stopping'],
    text: STOPPING_HOST,
    shared: 'shutdown',
  },
  'service-stop': { names: ['unit-stopping'], text: 'systemd was stopping its unit at that moment' },
  'killed-by-command': { names: ['command-recorded'], text: 'a witness saw the tmux command' },
  'recorder-lost': {
    names: ['recorder-lost', 'may-be-sigkill'],
    text: 'the server and its recorder were gone, and no death was recorded',
  },
  'host-reboot': {
    names: ['host-reboot'],
    text: 'the server was recorded as running in another boot of this host',
  },
  'leader-removed': {
    names: ['leader-removed'],
    text: 'the pane of the agent was removed while the server kept running',
  },
}

const isConclusive = (cause: string): cause is ConclusiveCause => Object.hasOwn(CAUSES, cause)

const causeTextOf = (cause: string | undefined): CauseText | undefined =>
  cause !== undefined && isConclusive(cause) ? CAUSES[cause] : undefined

const includes = (causes: readonly string[], cause: string): boolean => causes.includes(cause)

function serverManner(record: ServerExit): Manner | undefined {
  if (includes(UNSEEN_CAUSES, record.cause)) return { names: [], text: '' }
  if (record.mode === 'guard' || includes(GUARD_CAUSES, record.cause)) return byGuard(record)
  if (record.mode === 'watch' || includes(WATCH_CAUSES, record.cause)) {
    const status = { 'signaled-server-gone': 0, 'server-vanished': 1 }[record.cause] ?? record.waitStatus
    return byClient(record.cause === 'client-killed-server-gone' ? (record.waitStatus ?? 137) : status)
  }
  return undefined
}

function sessionManner({ signal, exitCode, cause }: SessionExit, platform: string): Manner {
  if (signal !== undefined) return bySignal(signal, `its process was killed by ${signal}`)
  if (cause === 'leader-removed') return { names: [], text: '' }
  if (exitCode === undefined)
    return {
      names: ['died-unseen', 'may-be-sigkill'],
      text: 'the exit status of its process is not known; tmux before 3.3 does not report signals',
    }
  const text = `exit code ${exitCode} of its process`
  const values = { status: String(exitCode) }
  if (exitCode === 0) return { names: ['exited-zero', 'may-be-terminated'], text, values }
  const coded = codedSignal(exitCode, platform)
  if (coded === undefined) return { names: ['exited-nonzero'], text, values }
  return {
    names: ['exited-nonzero', ...codedNames(coded)],
    text: `${text}: 128 + ${exitCode - 128}, as shells and runners exit when ${coded} ended their child, and many programs on that signal`,
    values: { ...values, coded, limit: LIMIT_SIGNALS[coded] ?? '' },
  }
}

/** The names of a death with exit code 128 + the number of a signal. */
function codedNames(signal: string): FactName[] {
  if (signal === 'SIGKILL') return ['exited-as-killed']
  if (isFault(signal)) return ['exited-as-crashed']
  if (Object.hasOwn(LIMIT_SIGNALS, signal)) return ['exited-as-limited', ...pipeNames(signal)]
  return isTermination(signal) ? ['exited-as-terminated', 'may-be-terminated'] : []
}

/** Returns the facts in the line of exits.log. */
export function recordFacts(
  record: ExitRecord,
  { boot, platform }: { readonly boot: string | undefined; readonly platform: string },
): Fact[] {
  const subject: FactName = record.event === 'server-exit' ? 'server' : 'agent'
  const facts: Fact[] = []
  const manner = record.event === 'server-exit' ? serverManner(record) : sessionManner(record, platform)
  const cause = causeTextOf(record.cause)
  if (manner !== undefined && manner.text !== '')
    facts.push({ ...manner, names: [subject, ...manner.names], section: SECTION })
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
