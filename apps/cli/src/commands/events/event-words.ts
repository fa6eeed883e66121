import type { RecordedEvent, SuperviseAction } from '@iapeer/lifecycle/eventlog'

type Say = (of: (name: string) => string) => string

const because = (why: string): string => (why === '' ? '' : `: ${why}`)
const by = (who: string): string => (who === '' ? '' : ` by ${who}`)

const RESULTS: Readonly<Record<string, string>> = {
  ended: 'stopped',
  'session-ended': 'stopped, its tmux server lives on',
  stopped: 'was not running; stays stopped',
  failed: 'could not be stopped',
}
const WAKES: Readonly<Record<string, string>> = {
  fresh: 'woken',
  resume: 'woken where it was',
  refused: 'not woken',
}

/** How a session ended. */
const ENDS: Readonly<Record<string, string>> = {
  crash: 'it has died',
  'self-close': 'it has ended by itself',
  idle: 'it was idle',
  stopped: 'it was taken down',
  reboot: 'the host was rebooted',
}
const MODES: Readonly<Record<string, string>> = { fresh: ' (fresh)', resume: ' (where it was)' }
const RECORDERS: Readonly<Record<string, string>> = {
  spawned: 'its recorder was lost; another one watches',
  already: 'its recorder was lost; somebody watches already',
  skipped: 'its recorder was lost; nothing is recorded',
  failed: 'its recorder was lost, and none could be armed',
}

/** ` in 1.2 s`; whole seconds from ten on. */
function inTime(ms: string): string {
  const secs = Number(ms) / 1_000
  return ms === '' ? '' : ` in ${secs < 10 ? Math.round(secs * 10) / 10 : Math.round(secs)} s`
}
const after = (end: string): string => because(ENDS[end] ?? end)

/** What whoever supervises has done. */
const DONE: Readonly<Record<SuperviseAction, Say>> = {
  asleep: (of) => `stays asleep${after(of('after'))}`,
  start: (of) => `to be started${inTime(of('ms'))}${MODES[of('mode')] ?? ''}${after(of('after'))}`,
  'crash-loop': (of) =>
    `left asleep, in a crash loop${after(of('after'))} (iapeer reset lets it start again)`,
  restart: (of) => `started again${MODES[of('mode')] ?? ''}`,
  'restart-failed': (of) => `could not be started again${because(of('why') || of('reason'))}`,
  reap: (of) => `taken down${because(of('why'))}`,
  'idle-park': (of) => `parked${because(of('why'))}`,
  unresponsive: (of) =>
    `does not answer: its tmux server${of('server') && ` (pid ${of('server')})`} is stopped`,
  responsive: () => 'answers again',
  canary: (of) => `${RECORDERS[of('state')] ?? `recorder ${of('state')}`}${because(of('why'))}`,
  'evidence-failed': (of) => `what the system knows of its death could not be kept${because(of('why'))}`,
  'session-rebuilt': (of) => `its session file could not be read, and was made again${because(of('kept'))}`,
  'tell-failed': (of) => `its death could not be told${because(of('why'))}`,
}

function superviseWords(of: (name: string) => string): string {
  const known: Readonly<Record<string, Say>> = DONE
  const action = of('action')
  const say = Object.hasOwn(known, action) ? known[action] : undefined
  return say === undefined ? `${action}${because(of('reason') || of('why'))}` : say(of)
}

/** What has happened, in words; each is told what a field says, empty where it is not there. */
const WORDS: Readonly<Record<string, Say>> = {
  canary: (of) => `recorder ${of('state')} (${of('origin')})${because(of('why') || of('reason'))}`,
  supervise: superviseWords,
  launch: (of) => {
    const note = of('message') === 'unknown' ? '; it is not known whether its first message was given' : ''
    return `up${of('mode') === 'resume' ? ', where it was' : ''} after ${of('ms')} ms${note}`
  },
  blocked: (of) => `started, and waits for a person after ${of('ms')} ms${because(of('dialog'))}`,
  stop: (of) => {
    const reason = [of('why'), of('reason')].filter((text) => text !== '').join('; ')
    return `${RESULTS[of('result')] ?? of('result')}${by(of('by'))}${because(reason)}`
  },
  wake: (of) => `${WAKES[of('mode')] ?? of('mode')}${because(of('cause'))}`,
  intent: (of) => `teardown ${of('state') || 'declared'}${by(of('by'))}${because(of('why'))}`,
  verdict: (of) => `died of ${of('verdict')} (confidence: ${of('confidence')})`,
  death: (of) =>
    `died: ${of('event')}, ${of('cause')}, ${of('id')}${of('incident') && ` (of ${of('incident')})`}`,
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
