import type { RecordedEvent } from '@iapeer/lifecycle'

type Say = (of: (name: string) => string) => string

const because = (why: string): string => (why === '' ? '' : `: ${why}`)
const by = (who: string): string => (who === '' ? '' : ` by ${who}`)

const RESULTS: Readonly<Record<string, string>> = {
  ended: 'stopped',
  'session-ended': 'stopped, its tmux server lives on',
  stopped: 'stopped, it was not running',
  failed: 'could not be stopped',
}
const WAKES: Readonly<Record<string, string>> = {
  fresh: 'woken',
  resume: 'woken where it was',
  refused: 'not woken',
}

/** What has happened, in words; each is told what a field says, empty where it is not there. */
const WORDS: Readonly<Record<string, Say>> = {
  canary: (of) => `recorder ${of('state')} (${of('origin')})${because(of('why') || of('reason'))}`,
  supervise: (of) => `${of('action')}${because(of('reason') || of('why'))}`,
  launch: (of) => `up${of('mode') === 'resume' ? ', where it was' : ''} after ${of('ms')} ms`,
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
