import { type Evidence, snapshotEvidence } from './evidence.ts'
import type { ExitRecord, ServerExit, SessionExit } from './exit-record.ts'
import { isFault } from './signal-name.ts'
import type { Snapshot } from './snapshot.ts'
import { type Killer, killerOf, type Witness } from './witness.ts'

export type VerdictWord =
  | 'kernel-oom'
  | 'cgroup-oom'
  | 'oomd'
  | 'killed-by-command'
  | 'killed-by-signal'
  | 'terminated'
  | 'crashed'
  | 'tmux-failed'
  | 'agent-exited'
  | 'agent-failed'
  | 'exited'
  | 'host-reboot'
  | 'recorder-lost'
  | 'unknown'

export type Confidence = 'high' | 'medium' | 'low'

export interface Verdict {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  /** One sentence for a person. */
  readonly summary: string
  /** The most telling first. */
  readonly evidence: readonly Evidence[]
  /** Who did it, where that is known for sure. */
  readonly killer?: Killer
}

interface Ruling {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  readonly says: (record: ServerExit) => string
  readonly because: (record: ServerExit) => string
}

const status = (record: ServerExit): string =>
  record.waitStatus === undefined ? 'unknown' : String(record.waitStatus)
const signalled = (record: ServerExit): string => record.signal ?? 'a signal'

/** What follows from the recorded cause alone; the causes are those of exits.log. */
const BY_CAUSE: Readonly<Record<string, Ruling>> = {
  'server-vanished': {
    verdict: 'unknown',
    confidence: 'low',
    says: () =>
      'the tmux server vanished without a goodbye: it was killed (SIGKILL, out of memory) or it crashed',
    because: () =>
      'the watching client lost its server without being told to exit, and the server process was gone',
  },
  'signaled-server-gone': {
    verdict: 'exited',
    confidence: 'medium',
    says: () => 'the tmux server ended in order: kill-server, SIGTERM, or its last session closed',
    because: () => 'the watching client was told to exit (0) before the server process ended',
  },
  'client-killed-server-gone': {
    verdict: 'killed-by-signal',
    confidence: 'medium',
    says: () => 'something killed the tmux server and the client that watched it in one sweep',
    because: (record) =>
      `the watching client itself was killed (exit code ${status(record)}), and the server process was gone`,
  },
  killed: {
    verdict: 'killed-by-signal',
    confidence: 'high',
    says: (record) => `the tmux server was killed by ${signalled(record)}; who sent it is not known`,
    because: (record) => `wait status ${status(record)} of the server process`,
  },
  crashed: {
    verdict: 'crashed',
    confidence: 'high',
    says: (record) => `the tmux server crashed (${signalled(record)})`,
    because: (record) => `wait status ${status(record)} of the server process`,
  },
  'killed-by-command': {
    verdict: 'killed-by-command',
    confidence: 'high',
    says: () => 'a tmux command ended the server',
    because: () => 'the command was witnessed while it ran',
  },
  exited: {
    verdict: 'exited',
    confidence: 'high',
    says: () => 'the tmux server ended in order: SIGTERM, or its last session closed',
    because: () => 'wait status 0 of the server process, and no witnessed command',
  },
  failed: {
    verdict: 'tmux-failed',
    confidence: 'high',
    says: (record) => `tmux gave up with exit code ${status(record)}`,
    because: (record) => `wait status ${status(record)} of the server process`,
  },
  'host-shutdown': {
    verdict: 'terminated',
    confidence: 'medium',
    says: () => 'the tmux server was ended by the shutdown of this host',
    because: () => 'the system was stopping at that moment',
  },
  'service-stop': {
    verdict: 'terminated',
    confidence: 'medium',
    says: () => 'the tmux server was ended with the service it ran in',
    because: () => 'its unit was being stopped at that moment',
  },
  'recorder-lost': {
    verdict: 'recorder-lost',
    confidence: 'high',
    says: () => 'the tmux server and its recorder both ended unseen; something took both',
    because: () => 'both processes were gone and nobody had recorded a death',
  },
  'host-reboot': {
    verdict: 'host-reboot',
    confidence: 'high',
    says: () => 'this host (or container) was restarted while the tmux server ran',
    because: () => 'the server was armed in another boot',
  },
}

function judgeServer(record: ServerExit): Omit<Verdict, 'evidence'> & { because: string } {
  const ruling = Object.hasOwn(BY_CAUSE, record.cause) ? BY_CAUSE[record.cause] : undefined
  if (ruling === undefined) {
    const summary = `the tmux server ended; this version does not know the cause ${JSON.stringify(record.cause)}`
    return { verdict: 'unknown', confidence: 'low', summary, because: `cause=${record.cause}` }
  }
  const { verdict, confidence, says, because } = ruling
  return { verdict, confidence, summary: says(record), because: because(record) }
}

function judgeSession(record: SessionExit): Omit<Verdict, 'evidence'> & { because: string } {
  const { signal, exitCode } = record
  if (signal !== undefined) {
    const verdict = isFault(signal) ? 'crashed' : 'killed-by-signal'
    const how = verdict === 'crashed' ? 'crashed' : 'was killed'
    return {
      verdict,
      confidence: 'high',
      summary: `the agent ${how} (${signal})`,
      because: `its process ended by ${signal}`,
    }
  }
  if (exitCode === undefined) {
    const summary = "the session ended; its process's status is not known"
    return { verdict: 'unknown', confidence: 'low', summary, because: `cause=${record.cause ?? 'none'}` }
  }
  const because = `exit code ${exitCode} of its process`
  if (exitCode === 0)
    return {
      verdict: 'agent-exited',
      confidence: 'high',
      summary: 'the agent ended by itself (exit code 0)',
      because,
    }
  return {
    verdict: 'agent-failed',
    confidence: 'high',
    summary: `the agent ended with exit code ${exitCode}`,
    because,
  }
}

/** `tmux kill-server` says little; who started it says more. */
function accuse(witness: Witness): { summary: string; evidence: Evidence[] } {
  const killer = killerOf(witness)
  if (killer === undefined) {
    const seen = witness.killers.map((one) => `pid ${one.pid} ${one.command}`)
    const fact = seen.length === 0 ? 'nobody could be seen' : `one of: ${seen.join('; ')}`
    return {
      summary: `${witness.command} ended the tmux server; who ran it is not certain`,
      evidence: [{ section: 'witness', fact }],
    }
  }
  const [starter] = killer.ancestors
  const by = starter === undefined ? '' : `, started by pid ${starter.pid} (${starter.command})`
  const evidence = killer.ancestors.map(({ pid, command }) => ({
    section: 'witness',
    fact: `started by pid ${pid}: ${command}`,
  }))
  return {
    summary: `${witness.command} ended the tmux server, run by pid ${killer.pid}${by}`,
    evidence: [{ section: 'witness', fact: `pid ${killer.pid}: ${killer.command}` }, ...evidence],
  }
}

/** What was found beside the line of a death. */
export interface Findings {
  readonly snapshot?: Snapshot | undefined
  readonly witness?: Witness | undefined
}

/** Judges one death from its line and what else was found. Pure and total. */
export function judge(record: ExitRecord, { snapshot, witness }: Findings = {}): Verdict {
  const { because, ...ruling } = record.event === 'server-exit' ? judgeServer(record) : judgeSession(record)
  const line = { section: 'exits.log', fact: because }
  const seen = snapshot === undefined ? [] : snapshotEvidence(snapshot)
  if (ruling.verdict !== 'killed-by-command' || witness === undefined)
    return { ...ruling, evidence: [line, ...seen] }
  const { summary, evidence } = accuse(witness)
  const killer = killerOf(witness)
  return {
    ...ruling,
    summary,
    evidence: [...evidence, line, ...seen],
    ...(killer === undefined ? {} : { killer }),
  }
}
