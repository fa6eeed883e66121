import { setTimeout as sleep } from 'node:timers/promises'
import { noteSeen } from '@iapeer/canary'
import { Sparing } from '@iapeer/core/async'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { LivenessProbes } from '@iapeer/core/process'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { checkSetting, SETTINGS, type Setting } from '@iapeer/core/settings'
import { scaffoldRoot } from '@iapeer/core/storage'
import { noteLeaderCgroup } from '@iapeer/tmux'
import { beginNotifying, type KeptWitness, Troubles, wantedWitness } from '../deaths/index.ts'
import { createEventLog, DirectoryWatch, type EventLog } from '../eventlog/index.ts'
import { finishLaunch, type HostMemory } from '../launch/index.ts'
import { isWorkingOnMail, type MailCounts, MailDelivery, mailProblems } from '../mail/index.ts'
import { abortInterruptedLaunch, finishSession, stopInactive } from '../reap/index.ts'
import {
  filesOfGen,
  type MuteCause,
  type PeerSession,
  type PeerUsage,
  phaseOf,
  rebuildSessions,
} from '../sessions/index.ts'
import { fleetTokens, type IdentityTokens, updateTokens } from '../tokens/index.ts'
import { activityOf } from './activity.ts'
import { BlockedLaunches } from './blocked-launches.ts'
import { Conversations } from './conversations.ts'
import { DeathNotifier } from './death-notifier.ts'
import { type Action, type Activity, decide } from './decide.ts'
import { housekeeping } from './housekeeping.ts'
import { forgiveIncidents } from './incidents.ts'
import { createJobs } from './jobs.ts'
import { planKeepAlive } from './keep-alive.ts'
import { MassDeaths } from './mass-deaths.ts'
import { Measures, type SupervisorStats } from './measures.ts'
import { type DaemonProblem, Notices } from './notices.ts'
import { policyOf, profileOf } from './policies.ts'
import { Recorders } from './recorders.ts'
import { Restarts } from './restarts.ts'
import { createSessionCache } from './session-cache.ts'
import { type SuperviseSettings, superviseSettings } from './settings.ts'
import { type SettledWithPlan, settleAndPlan } from './settle-and-plan.ts'
import { createSleepClock } from './sleep-clock.ts'
import { desiredStateOf, type Look, type ObservedSession, observeSessions } from './sweep.ts'
import { isInTurn, SweepTurns } from './sweep-turns.ts'
import { Turns } from './turns.ts'
import { UnrecordedEnds } from './unrecorded-ends.ts'
import { UsageSampler } from './usage-sampler.ts'

const SWEEP_MS = 1_000
const GATHER_MS = 20
const STOP_MS = 3_000
const SEEN_EVERY_MS = 10_000
/** Job keys start with a space, so that no identity can equal them. */
const RECONCILE_KEY = ' reconcile'
const NOTIFY_KEY = ' notify'
const NOTICE_KEY = ' notices'
const PROBLEM_KEY = ' problems'
const TURNS_KEY = ' turns'

/** Options of {@link FleetSupervisor}. */
export interface SupervisorOptions {
  /** The settings, and the environment that peers inherit. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv
  /** @default the event log of the root */
  readonly log?: EventLog
  /** Called for errors that have no caller; supervision continues. @default ignore them */
  readonly onError?: (what: string, error: unknown) => void
  /** Returns a number from 0 to 1, which spreads restarts. @default Math.random */
  readonly random?: () => number
  /** Tasks to run at the start of each tick. The key is the name that `onError` gets if the task fails. @default none */
  readonly chores?: Readonly<Record<string, () => Promise<void>>>
  /** Returns the memory that programs can use, for the starts that the supervisor plans. @default that of the system */
  readonly memory?: () => Promise<HostMemory | undefined>
  /** Returns what keeps the daemon from its work, at each tick: it is notified. @default nothing */
  readonly problems?: () => Promise<readonly DaemonProblem[]>
}

const isReadByDaemon = ({ readBy }: Setting): boolean => readBy.includes('daemon')

/**
 * Supervises the peers of a root: settles deaths, restarts, suspends, notifies. One per root: its creator holds the daemon's
 * lock.
 */
export class FleetSupervisor {
  readonly #root: string
  readonly #env: NodeJS.ProcessEnv
  readonly #log: EventLog
  readonly #onError: (what: string, error: unknown) => void
  readonly #random: () => number
  readonly #chores: Readonly<Record<string, () => Promise<void>>>
  readonly #problems: () => Promise<readonly DaemonProblem[]>
  readonly #notices: Notices
  readonly #notifier: DeathNotifier
  #settings: SuperviseSettings
  readonly #cache
  readonly #sparing = new Sparing()
  readonly #jobs
  readonly #clock = createSleepClock({ wallMs: Date.now(), monotonicMs: performance.now() })
  readonly #measures = new Measures()
  readonly #restarts: Restarts
  readonly #recorders: Recorders
  readonly #conversations: Conversations
  readonly #mail: MailDelivery
  readonly #turns: Turns
  #witness: KeptWitness | undefined
  readonly #unresponsive = new Set<Identity>()
  readonly #unrecorded = new UnrecordedEnds()
  readonly #probes = new LivenessProbes()
  readonly #blocked = new BlockedLaunches()
  readonly #usage: UsageSampler
  readonly #massDeaths: MassDeaths
  #tickDueAt = 0
  readonly #sweepTurns = new SweepTurns()
  /** When it was last written to the root until when all sessions ran, in milliseconds since the epoch. */
  #seenNotedMs = 0
  /** Every recorder of a death writes to this directory, so a change starts the next sweep at once. */
  readonly #deaths: DirectoryWatch
  readonly #stopping = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  /** @throws IapeerError `bad-setting` */
  constructor(root: string, options: SupervisorOptions = {}) {
    this.#root = root
    this.#env = options.env ?? process.env
    this.#log = options.log ?? createEventLog(root)
    this.#onError = options.onError ?? (() => undefined)
    this.#random = options.random ?? Math.random
    this.#chores = options.chores ?? {}
    this.#problems = options.problems ?? (async () => [])
    this.#settings = superviseSettings(this.#env)
    const [env, log, troubles] = [this.#env, this.#log, new Troubles(root)]
    this.#massDeaths = new MassDeaths(root)
    this.#notifier = new DeathNotifier(root, {
      env,
      log,
      troubles,
      witness: () => this.#witness,
      onIncident: (deaths) => this.#massDeaths.decide(deaths),
    })
    this.#notices = new Notices(root, {
      env,
      log,
      settings: () => this.#settings,
      troubles,
      onWritten: () => this.#notifier.dueBy(Date.now()),
    })
    // An invalid setting is refused here; later it would make every event or notification fail.
    for (const setting of Object.values(SETTINGS))
      if (isReadByDaemon(setting)) checkSetting(this.#env, setting)
    this.#cache = createSessionCache(root)
    this.#usage = new UsageSampler(root)
    this.#recorders = new Recorders(root, this.#log)
    this.#conversations = new Conversations(root, this.#log)
    this.#deaths = new DirectoryWatch(rootLayout(root).records.deathsDir)
    this.#witness = wantedWitness(root, this.#env, this.#log)
    this.#restarts = new Restarts(root, {
      settings: () => this.#settings,
      log: this.#log,
      random: this.#random,
      env: this.#env,
      notices: this.#notices,
      memory: options.memory,
    })
    this.#jobs = createJobs((key, error) => this.#onError(key, error))
    this.#turns = new Turns(root, { log, onError: (what, error) => this.#onError(what, error) })
    this.#mail = new MailDelivery(root, {
      env,
      onError: (what, error) => this.#onError(what, error),
      sessions: () => this.#cache.list(),
    })
  }

  /** Takes over the sessions and plans of an earlier supervisor and supervises until {@link stop}. */
  async start(): Promise<void> {
    await scaffoldRoot(rootLayout(this.#root))
    await this.#attempt('usage', () => this.#usage.recall())
    await this.#attempt('notify', () => beginNotifying(this.#root, new Date()))
    await this.#attempt('signal witness', async () => this.#witness?.start())
    await this.#attempt('turns', () => this.#turns.start())
    this.#loop = this.#run()
    await this.#attempt('mail', () => this.#mail.start())
  }

  /** Stops supervising within a few seconds. Does not touch any peer. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([this.#loop, this.#attempt('mail', () => this.#mail.stop())])
    this.#deaths.close()
    this.#probes.close()
    await this.#jobs.end(STOP_MS)
    await this.#attempt('signal witness', async () => this.#witness?.stop())
  }

  /** Reads the settings again, and ticks at once with them. @throws IapeerError `bad-setting`; the settings stay as they were */
  async reload(): Promise<void> {
    this.#settings = superviseSettings(this.#env)
    this.#tickDueAt = 0
    const [former, wanted] = [this.#witness, wantedWitness(this.#root, this.#env, this.#log)]
    if ((former === undefined) === (wanted === undefined)) return
    this.#witness = wanted
    await this.#attempt('signal witness', async () => former?.stop())
    await this.#attempt('signal witness', async () => wanted?.start())
  }

  /** Returns durations of sweeps, ticks and settlements, and the time of the last sweep. */
  stats(): SupervisorStats {
    return this.#measures.stats()
  }

  /**
   * Returns the number of deaths that this supervisor has counted, by their `cause` in exits.log (by `ev` without a cause).
   * Includes deaths of watched tmux servers. Each death is counted once, some seconds after its record, and by one supervisor
   * only, even if no supervisor ran when it was recorded.
   */
  deathCounts(): Readonly<Record<string, number>> {
    return this.#measures.deathCounts()
  }

  /** Returns what each running peer uses, as it was last measured. */
  peerUsage(): readonly PeerUsage[] {
    return this.#usage.latest()
  }

  /** Returns the numbers of messages by state and way. */
  mailCounts(): Promise<MailCounts> {
    return this.#mail.counts()
  }

  /** Returns the number of running agents by what they do. */
  turnCounts(): Readonly<Record<string, number>> {
    return this.#turns.counts()
  }

  /** Returns the tokens that each identity has used, by model. */
  tokenCounts(): Promise<readonly IdentityTokens[]> {
    return fleetTokens(this.#root)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let hasChanged = true
    while (!signal.aborted) {
      await this.#round(hasChanged)
      hasChanged = await this.#deaths.wait(SWEEP_MS, signal)
      // One death changes several files, and several peers may die at once: handle them in one sweep.
      await sleep(GATHER_MS)
    }
  }

  async #attempt(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      // A task that fails does not stop the others.
      this.#onError(what, error)
    }
  }

  /** @param hasChanged whether a death may have been recorded */
  async #round(hasChanged: boolean): Promise<void> {
    const isTick = Date.now() >= this.#tickDueAt
    if (isTick) this.#tickDueAt = Date.now() + this.#settings.tickSecs * 1_000
    if (isTick) await this.#attempt('tick', () => this.#measures.tick(() => this.#tick()))
    await this.#attempt('sweep', () => this.#measures.sweep(() => this.#sweep(isTick, hasChanged)))
    this.#measures.sweepFinished()
  }

  /** Does the cheap work of each second: checks which sessions run and which starts are due. */
  async #sweep(isThorough: boolean, hasChanged: boolean): Promise<void> {
    const startedMs = Date.now()
    this.#clock.note(startedMs, performance.now())
    const sessions = await this.#cache.list(isThorough)
    const turn = this.#sweepTurns.next(sessions.length, isThorough || hasChanged)
    const look: Look = isThorough ? { depth: 'thorough' } : { depth: 'quick', probes: this.#probes, turn }
    const all = await observeSessions(this.#root, sessions, look)
    const { seenMs } = this.#sweepTurns
    // First: a queue of other jobs does not delay it.
    const answering = all.filter(({ health }) => health === 'running' || health === 'managed')
    this.#jobs.start(TURNS_KEY, () => this.#turns.look(answering.map(({ session }) => session)))
    const running: PeerSession[] = []
    for (const observed of all) {
      const { session, health } = observed
      if (health === 'running' || health === 'managed' || health === 'unresponsive') running.push(session)
      const action = decide({ health, desired: desiredStateOf(this.#cache, session), activity: 'busy' })
      if (action === 'keep') {
        if (isThorough) this.#keepThoroughly(session)
        if (isInTurn(session, turn)) this.#keep(session, startedMs)
      } else if (action !== 'leave')
        this.#jobs.start(session.identity, () => this.#act(observed, action, seenMs))
    }
    this.#sweepTurns.done(turn, startedMs)
    await this.#attempt('seen', () => this.#noteSeen(startedMs))
    await this.#attempt('usage', () => this.#usage.sweep(running, this.#probes, startedMs))
    for (const identity of this.#restarts.due(Date.now()))
      this.#jobs.start(identity, () => this.#restarts.start(identity))
    if (this.#notifier.isDue(Date.now())) this.#jobs.start(NOTIFY_KEY, () => this.#notify())
  }

  /** Writes to the root until when all sessions were seen running. */
  async #noteSeen(nowMs: number): Promise<void> {
    const { seenMs } = this.#sweepTurns
    if (seenMs === 0 || nowMs - this.#seenNotedMs < SEEN_EVERY_MS) return
    this.#seenNotedMs = nowMs
    await noteSeen(rootRecordLocation(this.#root), new Date(seenMs))
  }

  /** Does the more expensive work, for which no caller waits. */
  async #tick(): Promise<void> {
    // First: what follows can fail because of the same problem.
    this.#jobs.start(PROBLEM_KEY, () => this.#noticeProblems())
    this.#jobs.start(RECONCILE_KEY, () => this.#reconcile())
    for (const [name, chore] of Object.entries(this.#chores)) await this.#attempt(name, chore)
    await this.#attempt('sessions', () => rebuildSessions(this.#root))
    await this.#restarts.recall()
    const sessions = byPersonality(await this.#cache.list())
    this.#usage.findCgroups(await this.#cache.list())
    const all = [...sessions.values()].flat()
    const running = await this.#runningAndReady(all)
    this.#jobs.start(NOTICE_KEY, () => this.#notice(all, running))
    for (const entry of await listPeers(this.#root)) {
      const own = sessions.get(entry.personality) ?? []
      for (const session of own) {
        if (phaseOf(session) === 'booting')
          this.#jobs.start(session.identity, () => abortInterruptedLaunch(this.#root, session, this.#log))
        else if (running.has(session)) {
          this.#jobs.start(session.identity, () => this.#stopIdle(entry, session))
          this.#jobs.start(`${session.identity} tokens`, () => updateTokens(this.#root, session))
        }
      }
      if (own.length === 0) await this.#attempt('keep-alive', () => this.#keepAlive(entry))
    }
  }

  async #reconcile(): Promise<void> {
    const steps = housekeeping(this.#root, {
      recorders: this.#recorders,
      sessions: () => this.#cache.list(),
      sparing: this.#sparing,
    })
    for (const [name, step] of Object.entries(steps)) await this.#attempt(name, step)
    this.#jobs.start(NOTIFY_KEY, () => this.#notify())
  }

  async #keepAlive(entry: PeerEntry): Promise<void> {
    const identity = await planKeepAlive(this.#root, entry, await profileOf(entry, this.#onError))
    if (identity !== undefined) this.#restarts.plan(identity, Date.now())
  }

  #keep(session: PeerSession, nowMs: number): void {
    const { identity } = session
    if (this.#recorders.isLost(session))
      this.#jobs.start(`${identity} recorder`, () => this.#recorders.replace(session))
    if (this.#conversations.isDue(session, nowMs, () => this.#turns.lookedMs(session)))
      this.#jobs.start(`${identity} conversation`, () => this.#conversations.follow(session))
    if (this.#blocked.isDue(session, nowMs))
      this.#jobs.start(identity, async () => void (await finishLaunch(this.#root, session)))
  }

  #keepThoroughly(session: PeerSession): void {
    const { identity } = session
    if (this.#unresponsive.delete(identity))
      void this.#log.note({ ev: 'supervise', identity, action: 'responsive' })
    this.#jobs.start(`${identity} cgroup`, () => this.#noteCgroup(session))
  }

  /** A program can move to another cgroup after its launch. */
  async #noteCgroup(session: PeerSession): Promise<void> {
    const { gen, leader } = session
    if (gen !== undefined)
      await noteLeaderCgroup(filesOfGen(this.#root, { ...session, gen }).state, leader.pid)
  }

  /** Returns the running sessions whose launch is finished. Without /proc this starts two processes for all sessions together. */
  async #runningAndReady(sessions: readonly PeerSession[]): Promise<ReadonlySet<PeerSession>> {
    const ready = sessions.filter((session) => phaseOf(session) === 'ready')
    const observed = await observeSessions(this.#root, ready, { depth: 'thorough' })
    return new Set(observed.flatMap(({ session, health }) => (health === 'running' ? [session] : [])))
  }

  async #stopIdle(entry: PeerEntry, session: PeerSession): Promise<void> {
    const activity: Activity = await activityOf({
      root: this.#root,
      entry,
      session,
      settings: this.#settings,
      clock: this.#clock,
      turn: this.#turns.turnOf(session),
    })
    const action = decide({ health: 'running', desired: desiredStateOf(this.#cache, session), activity })
    if (action !== 'reap' && action !== 'suspend') return
    if (!(await isWorkingOnMail(this.#root, entry, session)))
      await stopInactive(this.#root, session, { as: action, log: this.#log })
  }

  async #act({ session }: ObservedSession, action: Action, seenMs: number): Promise<void> {
    const { identity } = session
    if (action === 'report') {
      if (this.#unresponsive.has(identity)) return
      this.#unresponsive.add(identity)
      await this.#log.note({ ev: 'supervise', identity, action: 'unresponsive', server: session.server.pid })
      return
    }
    if (action === 'finish') await finishSession(this.#root, session, seenMs)
    else if (action === 'settle') await this.#settle(session)
  }

  async #settle(session: PeerSession): Promise<void> {
    const { identity } = session
    if (!this.#unrecorded.isDue(session, Date.now())) return
    const profile = await policyOf(this.#root, identity, this.#onError)
    const context = this.#turns.contextOf(session)
    const isUrgent = this.#unrecorded.isUrgent(session, Date.now())
    const now = new Date()
    const input = { settings: this.#settings, now, chance: this.#random(), profile, context, isUrgent }
    const settled = await settleAndPlan(this.#root, session, input)
    if (settled === 'later') return this.#unrecorded.note(session, Date.now())
    if (settled === undefined) return
    this.#unrecorded.forget(session)
    this.#recorders.forget(session)
    this.#conversations.forget(session)
    this.#unresponsive.delete(identity)
    await this.#noteEnd(settled, context.turn?.cause)
    this.#jobs.start(`${identity} tokens`, () => updateTokens(this.#root, session))
    const { startAt } = settled.tally
    if (settled.nextStep.kind === 'start' && startAt !== undefined)
      this.#restarts.plan(identity, Date.parse(startAt))
  }

  async #noteEnd(settled: SettledWithPlan, mute: MuteCause | undefined): Promise<void> {
    const { session, deathId, event, end, nextStep, ts } = settled
    const { identity, gen = '' } = session
    if (deathId !== undefined && event !== undefined) {
      this.#measures.settled(ts)
      await this.#log.note({ ev: 'death', identity, gen, event, cause: end, id: deathId })
      this.#notifier.dueBy(Date.now())
      if (end === 'crash')
        await this.#attempt('mass death', () => this.#massDeaths.note(identity, Date.now()))
    }
    const plan = nextStep.kind === 'start' ? { mode: nextStep.mode, ms: nextStep.afterMs } : {}
    const isUnrecorded = end === 'crash' && deathId === undefined
    const policy = nextStep.kind === 'stay-down' ? nextStep.why : undefined
    const why = isUnrecorded ? 'its end is not recorded' : policy
    await this.#log.note({ ev: 'supervise', identity, action: nextStep.kind, after: end, why, mute, ...plan })
  }

  /** Writes the notifications that no death causes to the outbox. */
  async #notice(sessions: readonly PeerSession[], running: ReadonlySet<PeerSession>): Promise<void> {
    const nowMs = Date.now()
    await this.#notices.blocked(sessions, nowMs)
    await this.#notices.turns(this.#turns.all(), nowMs)
    const names = async () => new Set((await listPeers(this.#root)).map(({ personality }) => personality))
    await this.#notices.recovered(running, { names, nowMs })
  }

  /** Notifies what keeps the daemon from its work; also if the disk cannot be written. */
  async #noticeProblems(): Promise<void> {
    const ofMail = await mailProblems(this.#root)
    const problems = [...(await this.#problems()), ...this.#notifier.problems(), ...ofMail]
    await this.#notices.problems(problems, new Date())
  }

  async #notify(): Promise<void> {
    const judged = await this.#notifier.notify()
    for (const { record } of judged) this.#measures.death(record.cause ?? record.event)
    await forgiveIncidents(this.#root, judged, this.#settings)
    await this.#attempt('mass death', () => this.#massDeaths.judged(judged, Date.now()))
  }
}

/** Groups sessions by personality: a peer can run as several runtimes at once. */
function byPersonality(sessions: readonly PeerSession[]): ReadonlyMap<string, readonly PeerSession[]> {
  const found = new Map<string, PeerSession[]>()
  for (const session of sessions) {
    const personality = parseIdentity(session.identity)?.personality ?? ''
    const own = found.get(personality)
    if (own === undefined) found.set(personality, [session])
    else own.push(session)
  }
  return found
}
