import type { RecordedEvent, SuperviseAction } from '@iapeer/lifecycle/eventlog'

type Say = (of: (name: string) => string) => string

const because = (why: string): string => (why === '' ? '' : `: ${why}`)
const by = (who: string): string => (who === '' ? '' : ` by ${who}`)

const RESULTS: Readonly<Record<string, string>> = {
  ended: 'stopped',
  'session-ended': 'stopped; its tmux server runs on',
  stopped: 'was not running; stays stopped',
  failed: 'could not be stopped',
}
const WAKES: Readonly<Record<string, string>> = {
  fresh: 'started by a message',
  resume: 'resumed by a message',
  refused: 'not started',
}

/** How a session ended. */
const ENDS: Readonly<Record<string, string>> = {
  crash: 'it died',
  'self-close': 'it exited by itself',
  idle: 'it was idle',
  stopped: 'it was stopped',
  reboot: 'the host was rebooted',
}
const MODES: Readonly<Record<string, string>> = {
  fresh: ' with a new session',
  resume: ' where it was',
}
const RECORDERS: Readonly<Record<string, string>> = {
  spawned: 'its recorder died; another one watches now',
  already: 'its recorder died; another one watches already',
  skipped: 'its recorder died; records are off',
  failed: 'its recorder died, and no other could be started',
}

/** ` in 1.2 s`; whole seconds from ten on. */
function inTime(ms: string): string {
  const secs = Number(ms) / 1_000
  return ms === '' ? '' : ` in ${secs < 10 ? Math.round(secs * 10) / 10 : Math.round(secs)} s`
}
const after = (end: string): string => because(ENDS[end] ?? end)

/** What the daemon did. */
const DONE: Readonly<Record<SuperviseAction, Say>> = {
  'stay-down': (of) => `not restarted${after(of('after'))}`,
  start: (of) => `restarting${inTime(of('ms'))}${MODES[of('mode')] ?? ''}${after(of('after'))}`,
  'crash-loop': (of) =>
    `not restarted: it is in a crash loop${after(of('after'))} (iapeer reset lets it start again)`,
  restart: (of) => `restarted${MODES[of('mode')] ?? ''}`,
  'restart-failed': (of) => `could not be restarted${because(of('why') || of('reason'))}`,
  reap: (of) => `stopped${because(of('why'))}`,
  suspend: (of) => `suspended${because(of('why'))}`,
  unresponsive: (of) =>
    `does not answer: its tmux server${of('server') && ` (pid ${of('server')})`} is stopped by a signal`,
  responsive: () => 'answers again',
  canary: (of) => `${RECORDERS[of('state')] ?? `recorder ${of('state')}`}${because(of('why'))}`,
  'evidence-failed': (of) => `the evidence of the system could not be saved${because(of('why'))}`,
  'session-rebuilt': (of) => `its session file could not be read and was written again${because(of('kept'))}`,
  'notify-failed': (of) => `a notification could not be delivered${because(of('why'))}`,
}

/** What earlier versions called an action. */
const FORMER_ACTIONS: Readonly<Record<string, SuperviseAction>> = {
  asleep: 'stay-down',
  'idle-park': 'suspend',
  'tell-failed': 'notify-failed',
}

function superviseWords(of: (name: string) => string): string {
  const known: Readonly<Record<string, Say>> = DONE
  const written = of('action')
  const action = Object.hasOwn(FORMER_ACTIONS, written) ? (FORMER_ACTIONS[written] ?? written) : written
  const say = Object.hasOwn(known, action) ? known[action] : undefined
  return say === undefined ? `${action}${because(of('reason') || of('why'))}` : say(of)
}

/** The sentence for each kind of event; a field that is absent reads as empty. */
const WORDS: Readonly<Record<string, Say>> = {
  canary: (of) => `recorder ${of('state')} (${of('origin')})${because(of('why') || of('reason'))}`,
  supervise: superviseWords,
  launch: (of) => {
    const note = of('message') === 'unknown' ? '; whether it got its first message is unknown' : ''
    return `${of('mode') === 'resume' ? 'resumed' : 'started'} in ${of('ms')} ms${note}`
  },
  blocked: (of) => `started, and waits for a person after ${of('ms')} ms${because(of('dialog'))}`,
  stop: (of) => {
    const reason = [of('why'), of('reason')].filter((text) => text !== '').join('; ')
    return `${RESULTS[of('result')] ?? of('result')}${by(of('by'))}${because(reason)}`
  },
  rename: (of) => `renamed from ${of('from')}`,
  wake: (of) => `${WAKES[of('mode')] ?? of('mode')}${because(of('cause'))}`,
  intent: (of) => `stop ${of('state') || 'declared'}${by(of('by'))}${because(of('why'))}`,
  verdict: (of) => `verdict: ${of('verdict')} (confidence: ${of('confidence')})`,
  death: (of) =>
    `died: ${of('event')}, ${of('cause')}, ${of('id')}${of('incident') && ` (part of ${of('incident')})`}`,
  incident: (of) => `${of('deaths')} deaths of one cause: ${of('cause')}, ${of('id')}`,
  'signal-witness': (of) => `signal witness ${of('state')}${because(of('why'))}`,
  daemon: (of) => `daemon ${of('state')}, pid ${of('pid')}${because(of('why'))}`,
}

/** A kind of another version: its fields as they are. */
function raw({ ts: _ts, ev, identity: _identity, ...fields }: RecordedEvent): string {
  return [ev, ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)].join(' ')
}

export function eventWords(event: RecordedEvent): string {
  const say = Object.hasOwn(WORDS, event.ev) ? WORDS[event.ev] : undefined
  return say === undefined ? raw(event) : say((name) => String(event[name] ?? ''))
}
