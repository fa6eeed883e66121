import type { RecordedEvent, SuperviseAction } from '@iapeer/lifecycle/eventlog'
import { MUTE_TEXTS } from '@iapeer/lifecycle/fleet/status'
import { reasonText, wayText } from '../mail/message-text.ts'

/** Returns the text of an event; `of` returns a field of it, or an empty text. */
type Describe = (of: (name: string) => string) => string

const because = (why: string): string => (why === '' ? '' : `: ${why}`)
const by = (command: string): string => (command === '' ? '' : ` by ${command}`)
/** Omits the reason `asked`, which every stop by a command has. */
const statedReason = (why: string): string => (why === 'asked' ? '' : why)

const RESULTS: Readonly<Record<string, string>> = {
  ended: 'stopped',
  'session-ended': 'stopped; its tmux server keeps running',
  stopped: 'was not running; marked as stopped',
  failed: 'could not be stopped',
}
const WAKES: Readonly<Record<string, string>> = {
  fresh: 'started on demand',
  resume: 'resumed on demand',
  refused: 'not started',
}

/** How a session ended, by the word in the event. */
const ENDS: Readonly<Record<string, string>> = {
  crash: 'it died',
  'self-close': 'it exited by itself',
  idle: 'it was idle',
  stopped: 'it was stopped',
  reboot: 'the host was rebooted',
}
const MODES: Readonly<Record<string, string>> = {
  fresh: ' with a new session',
  resume: ' with its conversation resumed',
}
/** What replaced a recorder that died. */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  spawned: 'its recorder died; a new one is running',
  already: 'its recorder died; another one is already running',
  skipped: 'its recorder died; recording is off',
  failed: 'its recorder died, and a new one could not be started',
}
const RECORDERS: Readonly<Record<string, string>> = {
  spawned: 'recorder started',
  rearmed: 'recorder started again',
  failed: 'recorder could not be started',
  dismissed: 'recorder stopped',
  'recorder-lost': 'recorder died',
}
const INTENTS: Readonly<Record<string, string>> = {
  pending: 'stop requested',
  done: 'stop completed',
  withdrawn: 'stop cancelled',
}

/** Returns ` in 1.2 s`, in whole seconds from ten on. */
function inTime(ms: string): string {
  const secs = Number(ms) / 1_000
  return ms === '' ? '' : ` in ${secs < 10 ? Math.round(secs * 10) / 10 : Math.round(secs)} s`
}
const after = (end: string): string => because(ENDS[end] ?? end)

const isMuteCause = (text: string): text is keyof typeof MUTE_TEXTS => Object.hasOwn(MUTE_TEXTS, text)

/** Why the agent could not answer when it ended: its restart waits for longer then. */
const muteNote = (cause: string): string =>
  isMuteCause(cause) ? `, and it could not answer (${MUTE_TEXTS[cause]})` : ''

/** The texts of what the daemon, or a command in its place, did about a peer. */
const ACTIONS: Readonly<Record<SuperviseAction, Describe>> = {
  'stay-down': (of) =>
    `not restarted${of('why') === 'policy' ? ', as its profile asks for no restart' : ''}${after(of('after'))}`,
  start: (of) =>
    `restarting${inTime(of('ms'))}${MODES[of('mode')] ?? ''}${after(of('after'))}${muteNote(of('mute'))}`,
  'crash-loop': (of) =>
    `not restarted, it is in a crash loop${after(of('after'))} (iapeer reset allows it to start again)`,
  restart: (of) => `restarted${MODES[of('mode')] ?? ''}`,
  'restart-failed': (of) => `could not be restarted${because(of('why') || of('reason'))}`,
  queued: (of) => `its start waits${because(of('why'))}`,
  reap: (of) => `stopped${because(of('why'))}`,
  suspend: (of) => `suspended${because(of('why'))}`,
  unresponsive: (of) =>
    `does not answer: its tmux server${of('server') && ` (pid ${of('server')})`} is stopped by a signal`,
  responsive: () => 'answers again',
  canary: (of) => `${REPLACEMENTS[of('state')] ?? `recorder ${of('state')}`}${because(of('why'))}`,
  'evidence-failed': (of) => `the evidence of the system could not be saved${because(of('why'))}`,
  'session-rebuilt': (of) => `its session file could not be read and was written again${because(of('kept'))}`,
  conversation: (of) =>
    `is in another conversation, chosen in its program: ${of('id')} (before: ${of('former')})`,
  'resume-failed': (of) =>
    of('next') === 'fresh'
      ? `starts with a new conversation: its former one could not be resumed${because(of('why'))}`
      : `not restarted: its conversation could not be resumed${because(of('why'))}`,
  'foreign-messages': (of) =>
    `got ${of('count')} messages that iapeer has not sent: another session of Claude Code wrote to it`,
  'notify-failed': (of) => `a notification could not be delivered${because(of('why'))}`,
}

/** The actions that had another name in earlier versions. */
const FORMER_ACTIONS: Readonly<Record<string, SuperviseAction>> = {
  asleep: 'stay-down',
  'idle-park': 'suspend',
  'tell-failed': 'notify-failed',
}

function superviseText(of: (name: string) => string): string {
  const known: Readonly<Record<string, Describe>> = ACTIONS
  const written = of('action')
  const action = Object.hasOwn(FORMER_ACTIONS, written) ? (FORMER_ACTIONS[written] ?? written) : written
  const describe = Object.hasOwn(known, action) ? known[action] : undefined
  return describe === undefined ? `${action}${because(of('reason') || of('why'))}` : describe(of)
}

/** What an agent does that a person may have to know. */
const TURNS: Readonly<Record<string, Describe>> = {
  blocked: (of) => `waits for a person${because(of('dialog'))}`,
  mute: (of) => {
    const { cause, why } = { cause: of('cause'), why: of('why') }
    const text = isMuteCause(cause) ? MUTE_TEXTS[cause] : cause
    return `cannot answer${because(text)}${why === '' ? '' : ` (${why})`}`
  },
}

/** The text of each kind of event. */
const TEXTS: Readonly<Record<string, Describe>> = {
  canary: (of) => {
    const state = of('state')
    return `${RECORDERS[state] ?? `recorder ${state}`} (${of('origin')})${because(of('why') || of('reason'))}`
  },
  supervise: superviseText,
  launch: (of) => {
    const note = of('message') === 'unknown' ? '; whether its first message was delivered is unknown' : ''
    const fresh = of('notResumed') && `, with a new conversation: ${of('notResumed')}`
    return `${of('mode') === 'resume' ? 'resumed' : 'started'} in ${of('ms')} ms${fresh}${note}`
  },
  blocked: (of) =>
    `started in ${of('ms')} ms, and is blocked until a person answers its dialog${because(of('dialog'))}`,
  stop: (of) => {
    const reason = [statedReason(of('why')), of('reason')].filter((text) => text !== '').join('; ')
    return `${RESULTS[of('result')] ?? of('result')}${by(of('by'))}${because(reason)}`
  },
  rename: (of) => `renamed from ${of('from')}`,
  wake: (of) => `${WAKES[of('mode')] ?? of('mode')}${because(of('cause'))}`,
  turn: (of) => {
    const { turn: state, was } = { turn: of('turn'), was: of('was') }
    const text = TURNS[state]?.(of) ?? state
    return TURNS[was] === undefined || TURNS[state] !== undefined ? text : `${text}, no longer ${was}`
  },
  intent: (of) =>
    `${INTENTS[of('state')] ?? `stop ${of('state') || 'requested'}`}${by(of('by'))}${because(statedReason(of('why')))}`,
  verdict: (of) => `verdict: ${of('verdict')} (confidence: ${of('confidence')})`,
  death: (of) =>
    `died: ${of('verdict') || 'verdict unknown'}, ${of('id')}${of('incident') && ` (part of ${of('incident')})`}`,
  incident: (of) => `${of('deaths')} deaths with one cause: ${of('cause')}, ${of('id')}`,
  message: (of) =>
    `message ${of('id')} from ${of('from')}: ${of('state')}${of('way') && ` (${wayText(of('way'))})`}${because(reasonText(of('why') || undefined) ?? '')}`,
  'signal-witness': (of) => `signal witness ${of('state')}${because(of('why'))}`,
  daemon: (of) => `daemon ${of('state')}, pid ${of('pid')}${because(of('why'))}`,
}

/** The kinds of events that this version writes, in alphabetical order. */
export const EVENT_KINDS: readonly string[] = Object.keys(TEXTS).sort()

/** Returns the fields of an event whose kind this version does not know. */
function raw({ ts: _ts, ev, identity: _identity, ...fields }: RecordedEvent): string {
  return [ev, ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)].join(' ')
}

/** Returns an event as a text for a person. A death has the field `verdict` if it was judged. */
export function eventText(event: RecordedEvent): string {
  const describe = Object.hasOwn(TEXTS, event.ev) ? TEXTS[event.ev] : undefined
  return describe === undefined ? raw(event) : describe((name) => String(event[name] ?? ''))
}
