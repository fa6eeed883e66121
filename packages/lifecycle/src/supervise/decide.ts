/**
 * The health of an enrolled session, as observed without asking tmux. `managed`: an `iapeer run` process supervises it.
 * `server-dead`: its server is gone. `session-gone`: its leader is gone, and that is recorded. `leader-lost`: its leader is gone,
 * and that is not recorded. `unresponsive`: its server is stopped (SIGSTOP).
 */
export type Health = 'managed' | 'server-dead' | 'session-gone' | 'leader-lost' | 'unresponsive' | 'running'

/**
 * What the last command asked for. `stopped`: not to run. `restart`: to start again as soon as the session has ended. `none`:
 * nothing.
 */
export type DesiredState = 'stopped' | 'restart' | 'none'

/**
 * What a running session does; the first match wins. `done`: an ephemeral worker that has worked and is quiet, or never started
 * to work. `idle`: idle for longer than its limit, with no client attached.
 */
export type Activity = 'done' | 'idle' | 'busy'

/**
 * What the supervisor does about a session. `leave`: nothing. `finish`: record the exit of its leader. `settle`: count its end;
 * `nextStepOf` decides what follows. `report`: log that its server is unresponsive. `reap`: stop it, because its work is done.
 * `suspend`: stop it, so that it resumes later. `keep`: check its recorder.
 */
export type Action = 'leave' | 'finish' | 'settle' | 'report' | 'reap' | 'suspend' | 'keep'

const ACTIONS_NOT_RUNNING = {
  managed: 'leave',
  'server-dead': 'settle',
  'session-gone': 'settle',
  'leader-lost': 'finish',
  unresponsive: 'report',
} as const satisfies Record<Exclude<Health, 'running'>, Action>

/** The command that asked for `stopped` or `restart` stops the session itself. */
const ACTIONS_RUNNING = {
  stopped: { done: 'keep', idle: 'keep', busy: 'keep' },
  restart: { done: 'keep', idle: 'keep', busy: 'keep' },
  none: { done: 'reap', idle: 'suspend', busy: 'keep' },
} as const satisfies Record<DesiredState, Record<Activity, Action>>

/** What was observed and what is desired of a session. */
export interface Observation {
  readonly health: Health
  readonly desired: DesiredState
  readonly activity: Activity
}

/** Decides what to do about one enrolled session. Pure. */
export function decide({ health, desired, activity }: Observation): Action {
  return health === 'running' ? ACTIONS_RUNNING[desired][activity] : ACTIONS_NOT_RUNNING[health]
}
