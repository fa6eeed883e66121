import type { LastEnd, PeerState } from '../sessions/index.ts'

/** The states that a person sees, the most urgent first. */
export const SHOWN_STATES = [
  'gave up',
  'unresponsive',
  'blocked',
  'dead',
  'failed',
  'queued',
  'restarting',
  'running',
  'exited',
  'suspended',
  'stopped',
  'new',
] as const
export type ShownWord = (typeof SHOWN_STATES)[number]

/** What is known of the last recorded death of a peer. */
interface LastExit {
  readonly exitCode?: number | undefined
  /** The canonical name: `SIGKILL`. */
  readonly signal?: string | undefined
  /** The word of its verdict, where it was judged. */
  readonly verdict?: string | undefined
  /** The word in exits.log, where neither exit code nor signal is known. */
  readonly cause?: string | undefined
}

/** The evidence that decides which state a person sees. */
export interface StateEvidence {
  readonly state: PeerState
  /** How its last session ended; undefined where none has ended. */
  readonly lastEnd?: LastEnd | undefined
  /** The record of its last death, where that ended its last session. */
  readonly lastExit?: LastExit | undefined
  /** In how many milliseconds it is started again; undefined where no start is planned. */
  readonly startsInMs?: number | undefined
  /** Why its start waits for memory or others; undefined where it does not. */
  readonly queued?: string | undefined
  /** Whether it is to be started, and no daemon is running that would do it. */
  readonly awaitsDaemon?: boolean | undefined
  /** The deaths that made the crash loop. */
  readonly loop?: { readonly deaths: number; readonly withinSecs: number } | undefined
  /** Why its conversation could not be resumed, if that made it give up. */
  readonly resumeProblem?: string | undefined
  /** The name of the dialog that its launch waits at. */
  readonly dialog?: string | undefined
}

/** The state that a person sees. */
export interface ShownState {
  readonly word: ShownWord
  /** What belongs to the word: `exit 1`, `SIGKILL`, `in 4 s`. */
  readonly detail?: string | undefined
  /** Whether a person should look. */
  readonly isTrouble: boolean
}

const TROUBLE: ReadonlySet<ShownWord> = new Set(['gave up', 'unresponsive', 'blocked', 'dead', 'failed'])
const OUT_OF_MEMORY: ReadonlySet<string | undefined> = new Set(['kernel-oom', 'cgroup-oom', 'oomd'])

/** Returns how a process died, in one or two words: `OOM`, `SIGKILL`, `exit 1`; undefined where nothing is known. */
export function exitText({ exitCode, signal, verdict, cause }: LastExit): string | undefined {
  if (OUT_OF_MEMORY.has(verdict)) return 'OOM'
  return signal ?? (exitCode === undefined ? (verdict ?? cause) : `exit ${exitCode}`)
}

/** Returns a duration in seconds or, where it has no remainder, in minutes: `5 min`, `90 s`. */
const windowText = (secs: number): string =>
  secs >= 60 && secs % 60 === 0 ? `${secs / 60} min` : `${secs} s`

/** Why a peer is not restarted although its restart policy says so. */
const NO_DAEMON = 'not restarted: no daemon'

type WordAndDetail = readonly [word: ShownWord, detail?: string | undefined]

function afterCrash({ lastExit }: StateEvidence): WordAndDetail {
  if (lastExit === undefined) return ['dead', 'cause unknown']
  const { exitCode, signal, verdict } = lastExit
  const isExit = exitCode !== undefined && signal === undefined && !OUT_OF_MEMORY.has(verdict)
  return [isExit ? 'failed' : 'dead', exitText(lastExit)]
}

function notRunning({ lastEnd }: StateEvidence): WordAndDetail {
  if (lastEnd === undefined) return ['new']
  return lastEnd === 'reboot' ? ['dead', 'host reboot'] : ['stopped']
}

/** Returns the deaths that made a crash loop: `3 deaths in 5 min`. */
export const deathsText = ({ deaths, withinSecs }: NonNullable<StateEvidence['loop']>): string =>
  `${deaths} ${deaths === 1 ? 'death' : 'deaths'} in ${windowText(withinSecs)}`

function gaveUp({ loop, resumeProblem }: StateEvidence): WordAndDetail {
  if (resumeProblem !== undefined) return ['gave up', 'its conversation could not be resumed']
  return ['gave up', loop === undefined ? undefined : deathsText(loop)]
}

const WORDS = {
  running: () => ['running'],
  managed: () => ['running', 'by a service manager'],
  blocked: ({ dialog }) => ['blocked', dialog],
  unresponsive: () => ['unresponsive'],
  'crash-loop': gaveUp,
  stopped: () => ['stopped'],
  suspended: () => ['suspended'],
  exited: () => ['exited'],
  failed: afterCrash,
  'not-running': notRunning,
} as const satisfies Record<PeerState, (evidence: StateEvidence) => WordAndDetail>

function wordOf(evidence: StateEvidence): WordAndDetail {
  const { startsInMs, state, queued, awaitsDaemon = false } = evidence
  if (queued !== undefined) return ['queued', queued]
  return startsInMs === undefined || awaitsDaemon
    ? WORDS[state](evidence)
    : ['restarting', `in ${Math.max(0, Math.ceil(startsInMs / 1_000))} s`]
}

/** Returns the state that a person sees. Pure: docs/states.md is the table of it. */
export function shownState(evidence: StateEvidence): ShownState {
  const { awaitsDaemon = false } = evidence
  const [word, facts] = wordOf(evidence)
  const detail = awaitsDaemon ? [facts, NO_DAEMON].filter((one) => one !== undefined).join('; ') : facts
  return {
    word,
    ...(detail === undefined ? {} : { detail }),
    isTrouble: awaitsDaemon || TROUBLE.has(word),
  }
}

/** Returns the state as one text: `restarting in 4 s`, `failed (exit 1)`. */
export function shownText({ word, detail }: ShownState): string {
  if (detail === undefined) return word
  return word === 'restarting' ? `${word} ${detail}` : `${word} (${detail})`
}

/** Orders states by how urgent they are: below zero where `one` comes before `other`. */
export const compareShown = (one: ShownState, other: ShownState): number =>
  SHOWN_STATES.indexOf(one.word) - SHOWN_STATES.indexOf(other.word)
