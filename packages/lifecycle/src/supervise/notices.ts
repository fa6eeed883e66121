import { parseIdentity } from '@iapeer/core/identity'
import {
  durationText,
  type Notification,
  notifyFromMemory,
  notifyInNeed,
  notifyOnce,
  type Trouble,
  type Troubles,
} from '../deaths/index.ts'
import type { EventLog } from '../eventlog/index.ts'
import { identityNow, type PeerSession, phaseOf, RESUMES_MAX, readRenames } from '../sessions/index.ts'
import type { SuperviseSettings } from './settings.ts'
import { type SessionTurn, turnNotifications } from './turn-notifications.ts'

/** Why the daemon cannot do its work. */
export interface DaemonProblem {
  /** A stable word: one notification a day for each. */
  readonly id: string
  /** Reads on with `where` behind it: `no room on the disk of`. */
  readonly what: string
  readonly where?: string
}

interface NoticesOptions {
  readonly env: NodeJS.ProcessEnv
  readonly log: EventLog
  readonly settings: () => SuperviseSettings
  readonly troubles: Troubles
  /** Called when a notification was written to the outbox. */
  readonly onWritten: () => void
}

const withoutDeath = { schemaVersion: 1, deaths: [] } as const

/** Returns the notification about a launch that has waited for a person for too long; undefined for any other session. Pure. */
function blockedNotification(
  session: PeerSession,
  nowMs: number,
  blockedMs: number,
): Notification | undefined {
  const { identity, gen, startedAt, blocked } = session
  if (blocked === undefined || phaseOf(session) !== 'blocked') return undefined
  const forMs = nowMs - Date.parse(blocked.since)
  if (!(forMs >= blockedMs)) return undefined
  const dialog = blocked.dialog === undefined ? '' : ` (${blocked.dialog})`
  return {
    ...withoutDeath,
    id: `blocked-${identity}-${gen ?? Date.parse(startedAt)}`,
    kind: 'blocked',
    identity,
    summary: `${identity} has waited for a person for ${durationText(forMs)}${dialog}`,
    next: blocked.hint ?? `it waits until you answer: iapeer attach ${identity}`,
  }
}

const recoveredNotification = ({ identity, gen, startedAt }: PeerSession, runMs: number): Notification => ({
  ...withoutDeath,
  id: `recovered-${identity}-${gen ?? Date.parse(startedAt)}`,
  kind: 'recovered',
  identity,
  summary: `${identity} has recovered: it has run for ${durationText(runMs)}`,
})

const dayOf = (now: Date): string => now.toISOString().slice(0, 10)

/** A notification that the outbox could not be written for, and the channels that do not have it yet. */
interface Unsaved {
  readonly notification: Notification
  readonly wanted: ReadonlySet<string>
}

/** Writes the notifications that are not about a recorded death to the outbox, each once. */
export class Notices {
  readonly #root: string
  readonly #options: NoticesOptions
  /** By id. */
  readonly #unsaved = new Map<string, Unsaved>()

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

  /** Notifies that a peer is not started any more, because its launches failed, or could not resume its conversation. */
  async gaveUp(
    identity: string,
    { since, why, ofResume }: { readonly since: string; readonly why: string; readonly ofResume: boolean },
  ): Promise<void> {
    const { crashloopMax, crashloopWindowSecs } = this.#options.settings()
    const window = durationText(crashloopWindowSecs * 1_000)
    const summary = `${identity} could not be restarted: ${why}`
    const count = ofResume
      ? `${RESUMES_MAX} attempts to resume its conversation failed`
      : `${crashloopMax} failed starts or deaths in ${window}`
    const isNew = await this.#send({
      ...withoutDeath,
      id: `gave-up-${identity}-${Date.parse(since)}`,
      kind: 'gave-up',
      identity,
      summary,
      next: `not restarted: ${count}`,
    })
    if (isNew) await this.#options.troubles.note({ about: identity, kind: 'peer', since, what: summary })
  }

  /** Notifies the launches that have waited for a person for too long. */
  async blocked(sessions: readonly PeerSession[], nowMs: number): Promise<void> {
    const blockedMs = this.#options.settings().blockedNotifySecs * 1_000
    for (const session of sessions) {
      const notification = blockedNotification(session, nowMs, blockedMs)
      if (notification !== undefined) await this.#send(notification)
    }
  }

  /** Notifies the agents that wait for a person in the middle of a turn, and those that cannot answer. */
  async turns(turns: readonly SessionTurn[], nowMs: number): Promise<void> {
    const blockedMs = this.#options.settings().blockedNotifySecs * 1_000
    const now = { nowMs, blockedMs }
    for (const notification of turnNotifications(turns, now))
      await this.#send({ ...withoutDeath, ...notification })
  }

  /**
   * Notifies the running peers that an earlier notification was about, and that have run for the window of a crash loop since (a restart of the daemon,
   * or a start by a person). What was notified about a peer that was removed is forgotten.
   * @param names reads the names of all peers
   */
  async recovered(
    running: Iterable<PeerSession>,
    { names, nowMs }: { readonly names: () => Promise<ReadonlySet<string>>; readonly nowMs: number },
  ): Promise<void> {
    const { settings, troubles } = this.#options
    const windowMs = settings().crashloopWindowSecs * 1_000
    const open = (await troubles.list()).filter(({ kind }) => kind === 'peer')
    if (open.length === 0) return
    const present = await names()
    const renames = readRenames(this.#root)
    const isPresent = (identity: string): boolean => present.has(parseIdentity(identity)?.personality ?? '')
    const sessions = new Map<string, PeerSession>([...running].map((session) => [session.identity, session]))
    const over: Trouble[] = []
    for (const trouble of open) {
      const identity = identityNow(renames, trouble.about, trouble.since)
      const session = sessions.get(identity)
      const runMs = session === undefined ? Number.NaN : nowMs - Date.parse(session.startedAt)
      if (session !== undefined && runMs >= windowMs) {
        await this.#send(recoveredNotification(session, runMs))
        over.push(trouble)
      }
      // Its former name too: the peer may have been renamed since the names were read.
      else if (![identity, trouble.about].some(isPresent)) over.push(trouble)
    }
    await troubles.end(over, nowMs)
  }

  /**
   * Notifies what keeps the daemon from its work, once a day for each problem, and that a notified problem is over. Where the
   * outbox cannot be written, each channel gets the notification from memory; one that cannot be reached is tried again with the
   * next call.
   */
  async problems(problems: readonly DaemonProblem[], now: Date): Promise<void> {
    for (const { id, what, where } of problems) {
      const summary = `the daemon: ${what}${where === undefined ? '' : ` (${where})`}`
      const notification: Notification = {
        ...withoutDeath,
        id: `daemon-problem-${id}-${dayOf(now)}`,
        kind: 'daemon-problem',
        summary,
        next: 'iapeer doctor says what to do',
      }
      const isNew = await this.#sendInNeed(notification, now)
      if (isNew)
        await this.#options.troubles.note({
          about: id,
          kind: 'daemon',
          since: now.toISOString(),
          what: summary,
        })
    }
    await this.#problemsOver(problems, now)
    await this.#retryUnsaved(problems, now)
  }

  async #problemsOver(problems: readonly DaemonProblem[], now: Date): Promise<void> {
    const { troubles } = this.#options
    for (const trouble of await troubles.list()) {
      if (trouble.kind !== 'daemon' || problems.some(({ id }) => id === trouble.about)) continue
      await this.#sendInNeed(
        {
          ...withoutDeath,
          id: `recovered-${trouble.about}-${dayOf(now)}`,
          kind: 'recovered',
          summary: `over: ${trouble.what}`,
        },
        now,
      )
      await troubles.end([trouble], now.getTime())
    }
  }

  async #send(notification: Notification): Promise<boolean> {
    const { env, log, onWritten } = this.#options
    const isNew = await notifyOnce(this.#root, notification, { env, log, now: new Date() })
    if (isNew) onWritten()
    return isNew
  }

  /** Sends a notification that does not wait for the disk. @returns whether it is new */
  async #sendInNeed(notification: Notification, now: Date): Promise<boolean> {
    const { env, log, onWritten } = this.#options
    const wanted = await notifyInNeed(this.#root, notification, { env, log, now })
    if (wanted === undefined) return false
    onWritten()
    if (wanted.size > 0) this.#unsaved.set(notification.id, { notification, wanted })
    return true
  }

  /** Delivers what could not be saved to the channels that do not have it; a problem that is over is not tried again. */
  async #retryUnsaved(problems: readonly DaemonProblem[], now: Date): Promise<void> {
    const { env, log } = this.#options
    for (const [id, { notification, wanted }] of this.#unsaved) {
      const again = await notifyFromMemory(this.#root, notification, { env, log, now, wanted })
      const isOver = !problems.some((one) => id.startsWith(`daemon-problem-${one.id}-`))
      if (again.size === 0 || isOver) this.#unsaved.delete(id)
      else this.#unsaved.set(id, { notification, wanted: again })
    }
  }
}
