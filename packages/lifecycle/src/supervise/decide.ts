/**
 * What can be seen of an enrolled session without asking tmux. `managed`: somebody else holds it up. `server-dead`: its
 * server is gone. `session-gone`: its leader is, and that is recorded. `leader-lost`: its leader is, and nothing is recorded
 * of that. `unresponsive`: its server is stopped.
 */
export type Health = 'managed' | 'server-dead' | 'session-gone' | 'leader-lost' | 'unresponsive' | 'running'

/** What was asked of its identity: to stay down, or to come back at once when it has ended. */
export type DesiredState = 'stay-down' | 'come-back' | 'none'

/**
 * What a session that lives is at, the first that holds. `done`: an ephemeral worker that has worked and is silent, or never
 * came to work. `idle`: longer than it may be, with nobody attached.
 */
export type Activity = 'done' | 'idle' | 'busy'

/**
 * `leave`: nothing. `finish`: have the end of its leader recorded. `settle`: count its end; `nextStepOf` says what follows.
 * `tell`: say that it does not answer. `reap`: take it down, it is done. `park`: take it down, to go on where it was. `keep`:
 * see that its recorder lives.
 */
export type Action = 'leave' | 'finish' | 'settle' | 'report' | 'reap' | 'suspend' | 'keep'

const ACTIONS_DOWN = {
  managed: 'leave',
  'server-dead': 'settle',
  'session-gone': 'settle',
  'leader-lost': 'finish',
  unresponsive: 'report',
} as const satisfies Record<Exclude<Health, 'running'>, Action>

/** Who asked for it takes it down themselves; until then it lives. */
const ACTIONS_RUNNING = {
  'stay-down': { done: 'keep', idle: 'keep', busy: 'keep' },
  'come-back': { done: 'keep', idle: 'keep', busy: 'keep' },
  none: { done: 'reap', idle: 'suspend', busy: 'keep' },
} as const satisfies Record<DesiredState, Record<Activity, Action>>

export interface Observation {
  readonly health: Health
  readonly desired: DesiredState
  readonly activity: Activity
}

/** What to do about one enrolled session. Pure. */
export function decide({ health, desired, activity }: Observation): Action {
  return health === 'running' ? ACTIONS_RUNNING[desired][activity] : ACTIONS_DOWN[health]
}
