import { durationText, type Notification, notifyOnce } from '../deaths/index.ts'
import type { EventLog } from '../eventlog/index.ts'
import { type PeerSession, phaseOf, readTally } from '../sessions/index.ts'
import type { SuperviseSettings } from './settings.ts'

/** A launch that waits for a person is notified after this time, in milliseconds. */
const BLOCKED_MS = 5 * 60_000

/** Why the daemon cannot do its work. */
export interface DaemonProblem {
  /** A stable word: one notification a day for each. */
  readonly id: string
  readonly what: string
  readonly where?: string
}

interface NoticesOptions {
  readonly env: NodeJS.ProcessEnv
  readonly log: EventLog
  readonly settings: SuperviseSettings
  /** Called when a notification was written to the outbox. */
  readonly onWritten: () => void
}

const withoutDeath = { schemaVersion: 1, deaths: [] } as const

/** Returns the notification about a launch that has waited for a person for five minutes; undefined for any other session. Pure. */
function blockedNotification(session: PeerSession, nowMs: number): Notification | undefined {
  const { identity, gen, startedAt, blocked } = session
  if (blocked === undefined || phaseOf(session) !== 'blocked') return undefined
  const forMs = nowMs - Date.parse(blocked.since)
  if (!(forMs >= BLOCKED_MS)) return undefined
  const dialog = blocked.dialog === undefined ? '' : ` (${blocked.dialog})`
  return {
    ...withoutDeath,
    id: `blocked-${identity}-${gen ?? Date.parse(startedAt)}`,
    kind: 'blocked',
    identity,
    summary: `${identity} has waited for a person for ${durationText(forMs)}${dialog}`,
    next: blocked.hint ?? 'it waits until you answer: iapeer attach',
  }
}

/** Writes the notifications that are not about a recorded death to the outbox, each once. */
export class Notices {
  readonly #root: string
  readonly #options: NoticesOptions

  constructor(root: string, options: NoticesOptions) {
    this.#root = root
    this.#options = options
  }

  /** Notifies that a planned start succeeded. */
  async restarted(identity: string, atMs: number): Promise<void> {
    await this.#send({
      ...withoutDeath,
      id: `restarted-${identity}-${atMs}`,
      kind: 'restarted',
      identity,
      summary: `${identity} was restarted`,
      next: 'it is running',
    })
  }

  /** Notifies that a peer is not started any more, because its launches failed. */
  async gaveUp(identity: string, since: string, why: string): Promise<void> {
    const { crashloopMax, crashloopWindowSecs } = this.#options.settings
    const window = durationText(crashloopWindowSecs * 1_000)
    await this.#send({
      ...withoutDeath,
      id: `gave-up-${identity}-${Date.parse(since)}`,
      kind: 'gave-up',
      identity,
      summary: `${identity} could not be restarted: ${why}`,
      next: `not restarted: ${crashloopMax} failed starts or deaths in ${window}`,
    })
  }

  /** Notifies the launches that have waited for a person for five minutes. */
  async blocked(sessions: readonly PeerSession[], nowMs: number): Promise<void> {
    for (const session of sessions) {
      const notification = blockedNotification(session, nowMs)
      if (notification !== undefined) await this.#send(notification)
    }
  }

  /** Notifies the running peers that were restarted and have run for the window of a crash loop since. */
  async recovered(running: Iterable<PeerSession>, nowMs: number): Promise<void> {
    const windowMs = this.#options.settings.crashloopWindowSecs * 1_000
    for (const { identity, startedAt, gen } of running) {
      const ranMs = nowMs - Date.parse(startedAt)
      if (!(ranMs >= windowMs)) continue
      const { restarts, lastEnd } = await readTally(this.#root, identity)
      if (restarts === 0 || lastEnd !== 'crash') continue
      await this.#send({
        ...withoutDeath,
        id: `recovered-${identity}-${gen ?? Date.parse(startedAt)}`,
        kind: 'recovered',
        identity,
        summary: `${identity} has recovered: it runs since ${startedAt}`,
      })
    }
  }

  /** Notifies what keeps the daemon from its work, once a day for each problem. */
  async problems(problems: readonly DaemonProblem[], now: Date): Promise<void> {
    for (const { id, what, where } of problems)
      await this.#send({
        ...withoutDeath,
        id: `daemon-problem-${id}-${now.toISOString().slice(0, 10)}`,
        kind: 'daemon-problem',
        summary: `the daemon: ${what}${where === undefined ? '' : ` (${where})`}`,
        next: 'iapeer doctor says what to do',
      })
  }

  async #send(notification: Notification): Promise<void> {
    const { env, log, onWritten } = this.#options
    if (await notifyOnce(this.#root, notification, { env, log, now: new Date() })) onWritten()
  }
}
