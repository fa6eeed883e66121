import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Identity, parseIdentity, toIdentity, toPersonality } from '@iapeer/core/identity'
import { getPeer, listPeers, updatePeer } from '@iapeer/core/registry'
import { type ModelServer, prepareHome, processesOf, startModelServer } from '@iapeer/dev/agents'
import { run, until } from '@iapeer/dev/testing'
import { TmuxServer } from '@iapeer/tmux'
import {
  FleetSupervisor,
  launchPeer,
  type PeerSession,
  refreshNamed,
  resetNamed,
  statusOf,
  stopPeer,
  wakeOrSpawn,
} from '../src/index.ts'
import { typeMessage } from '../src/launch/screen/type-message.ts'
import { adapterOf } from '../src/runtimes/adapters.ts'
import type { TestRoot } from './support.ts'

const READY_MS = 60_000

/** A peer that runs a real agent, and the words that its conversation must and must not have. */
interface Agent {
  readonly identity: Identity
  secret: string
  readonly former: string[]
}

/** What happens to a peer in a round. */
export const EVENTS = ['kill', 'kill server', 'suspend', 'stop', 'restart', 'other', 'reboot'] as const
export type FleetEvent = (typeof EVENTS)[number]

/** Two peers that run Claude Code and one that runs Codex, all in one directory and with one home, under a supervisor. */
export class ResumeFleet {
  readonly model: ModelServer
  readonly agents: readonly Agent[]
  readonly problems: string[] = []
  readonly #made: TestRoot
  readonly #env: NodeJS.ProcessEnv
  #supervisor: FleetSupervisor | undefined
  #count = 0

  private constructor(made: TestRoot, env: NodeJS.ProcessEnv, fleet: Pick<ResumeFleet, 'model' | 'agents'>) {
    this.#made = made
    // A campaign kills more often than a person would accept.
    this.#env = { ...env, IAPEER_CRASHLOOP_MAX: '1000' }
    this.model = fleet.model
    this.agents = fleet.agents
  }

  static async start(
    made: TestRoot,
    programs: Readonly<Record<'claude' | 'codex', string>>,
  ): Promise<ResumeFleet> {
    const { path, root, peer } = made
    const [home, cwd] = [join(path, 'home'), join(path, 'work')]
    const model = await startModelServer()
    for (const directory of [home, cwd]) mkdirSync(directory)
    await run('git', ['init', '-q', cwd])
    const where = { home, modelUrl: model.url, trusted: cwd }
    const env = { ...prepareHome('codex', where), ...prepareHome('claude', where) }
    const names = { ann: 'claude', ben: 'claude', cat: 'codex' } as const
    for (const [name, runtime] of Object.entries(names)) {
      await peer([programs[runtime]], name, runtime)
      const policy = { restart: 'resume', afterReboot: 'resume', permissions: 'skip' } as const
      await updatePeer(root, name, { ...policy, cwd, trustedCwd: cwd, initialPrompt: `first-prompt-${name}` })
      const { home: ofPeer } = getPeer(await listPeers(root), toPersonality(name))
      const directory = join(ofPeer, '.iapeer', 'runtimes', runtime)
      mkdirSync(directory, { recursive: true })
      const own = Object.entries(env).filter(([variable, value]) => process.env[variable] !== value)
      writeFileSync(
        join(directory, 'launch.env'),
        own.map(([variable, value]) => `${variable}=${value}\n`).join(''),
      )
    }
    const agents = Object.entries(names).map(([name, runtime]) => ({
      identity: toIdentity(`${runtime}-${name}`),
      secret: `secret-0-${name}`,
      former: [],
    }))
    const fleet = new ResumeFleet(made, env, { model, agents })
    await fleet.#supervise()
    await Promise.all(
      agents.map(async (agent) => {
        await launchPeer(root, await fleet.#entry(agent), { env })
        await fleet.#remember(agent)
      }),
    )
    return fleet
  }

  async #supervise(): Promise<void> {
    this.#supervisor = new FleetSupervisor(this.#made.root, { env: this.#env })
    await this.#supervisor.start()
  }

  async #entry({ identity }: Agent) {
    const name = String(parseIdentity(identity)?.personality)
    return getPeer(await listPeers(this.#made.root), toPersonality(name))
  }

  /** Waits until a peer runs in another session than before, and is ready. */
  #ready({ identity }: Agent, former?: PeerSession): Promise<PeerSession> {
    return until(
      `${identity} to be ready`,
      async () => {
        const { session } = await statusOf(this.#made.root, identity)
        return session?.readyAt !== undefined && session.gen !== former?.gen ? session : undefined
      },
      READY_MS,
    )
  }

  /** Types a text and waits until the model gets it. @returns what the model got with it */
  async #say(agent: Agent, text: string): Promise<string> {
    const session = await this.#ready(agent)
    const { identity, socketPath, server, leader, paneId } = session
    const runtime = parseIdentity(identity)?.runtime
    if (runtime === undefined) throw new Error('no runtime')
    const handle = new TmuxServer({ socketPath, process: server })
    const paneLog = { path: join(this.#made.path, 'none'), from: 0 }
    const deadline = performance.now() + READY_MS
    const pane = { identity, adapter: adapterOf(runtime), handle, paneId, leader, paneLog, deadline }
    const typed = await typeMessage(pane, text)
    if (text.startsWith('/')) return ''
    const asked = () => this.model.asked.findLast((one) => one.includes(text) && one.includes('"tools"'))
    return until(`the model to get ${text} (${typed})`, asked, READY_MS)
  }

  /** Checks by the log of the model that a peer is in its own conversation, and that its first prompt was not typed again. */
  async check(agent: Agent): Promise<void> {
    const { identity, secret, former } = agent
    const text = `question-${++this.#count}-${identity}`
    const body = await this.#say(agent, text)
    const others = this.agents.filter((one) => one !== agent).map((one) => one.secret)
    if (!body.includes(secret)) this.problems.push(`${identity} has lost ${secret} (${text})`)
    for (const word of [...others, ...former])
      if (body.includes(word)) this.problems.push(`${identity} has got ${word} (${text})`)
    const name = String(parseIdentity(identity)?.personality)
    const prompts = this.model.requests.filter(
      ({ added, isTurn }) => isTurn && added.includes(`first-prompt-${name}`),
    )
    if (prompts.length !== 1) this.problems.push(`${identity} got its first prompt ${prompts.length} times`)
  }

  /** Tells a peer its secret, and waits until its program has stored that: what a kill cuts off is not part of a conversation. */
  async #remember(agent: Agent): Promise<void> {
    await this.#say(agent, `remember ${agent.secret}`)
    const home = join(this.#made.path, 'home')
    await until(`${agent.secret} to be stored`, () =>
      readdirSync(home, { recursive: true })
        .map((name) => join(home, String(name)))
        // Claude Code writes what is typed also to a file that is not of the conversation.
        .some(
          (path) =>
            path.endsWith('.jsonl') &&
            !path.endsWith('/history.jsonl') &&
            readFileSync(path, 'utf8').includes(agent.secret),
        ),
    )
  }

  /** A person begins another conversation in the program. */
  async #beginOther(agent: Agent): Promise<void> {
    await this.#say(agent, parseIdentity(agent.identity)?.runtime === 'codex' ? '/new' : '/clear')
    agent.former.push(agent.secret)
    agent.secret = `secret-${++this.#count}-${agent.identity}`
    await this.#remember(agent)
  }

  async #happen(agent: Agent, event: Exclude<FleetEvent, 'reboot'>): Promise<void> {
    const { root } = this.#made
    const { identity } = agent
    const session = await this.#ready(agent)
    const env = this.#env
    if (event === 'other') await this.#beginOther(agent)
    if (event === 'kill' || event === 'other') process.kill(session.leader.pid, 'SIGKILL')
    else if (event === 'kill server') process.kill(session.server.pid, 'SIGKILL')
    else if (event === 'restart') await refreshNamed(root, identity, { by: 'a test' })
    else if (event === 'suspend') {
      await stopPeer(root, identity, { by: 'a test', afterwards: 'suspend' })
      await wakeOrSpawn(root, await this.#entry(agent), { from: 'human', launch: { env } })
    } else {
      await stopPeer(root, identity, { by: 'a test' })
      await launchPeer(root, await this.#entry(agent), { env, resume: 'own' })
    }
    await this.#ready(agent, session)
  }

  /** Kills every process of the fleet at once, and lets the records say that this was in an earlier boot. */
  async #reboot(): Promise<void> {
    const { root, path } = this.#made
    const sessions = await Promise.all(this.agents.map((agent) => this.#ready(agent)))
    await this.#supervisor?.stop()
    const canaries = join(root, 'state/canary')
    const states = sessions.map(({ identity, gen }) => join(canaries, `${identity}-${gen}`))
    // Its guards are stopped first: they must not record what kills the fleet.
    const guards = states.map((state) => Number(/^recorder=(\d+):/m.exec(readFileSync(state, 'utf8'))?.[1]))
    for (const guard of guards) process.kill(guard, 'SIGSTOP')
    await until(
      'all to be gone',
      () => {
        const left = processesOf(path)
        for (const line of left) killIfRunning(Number.parseInt(line, 10))
        return left.length === 0
      },
      READY_MS,
    )
    for (const state of states)
      if (readdirSync(canaries).some((name) => state.endsWith(name)))
        writeFileSync(
          state,
          readFileSync(state, 'utf8').replace(/^boot=.*$/m, 'boot=11111111-2222-3333-4444-555555555555/24'),
        )
    await this.#supervise()
    await Promise.all(this.agents.map((agent, at) => this.#ready(agent, sessions[at])))
  }

  /** Lets something happen to a peer, or to all, and checks that each is in its own conversation afterwards. */
  async round(event: FleetEvent, at: number): Promise<void> {
    const agent = this.agents[at % this.agents.length]
    if (agent === undefined) throw new Error('no agents')
    if (event === 'reboot') await this.#reboot()
    else await this.#happen(agent, event)
    await Promise.all(
      (event === 'reboot' ? this.agents : [agent]).map(async (one) => {
        await this.check(one)
        // Another failure soon after is not one of a series.
        await resetNamed(this.#made.root, one.identity)
      }),
    )
  }

  async stop(): Promise<void> {
    await this.#supervisor?.stop()
    await Promise.all(
      this.agents.map(({ identity }) => stopPeer(this.#made.root, identity, { by: 'a test' })),
    )
    await until('its processes to exit', () => processesOf(this.#made.path).length === 0, READY_MS)
    await this.model.close()
  }
}

/** A process of the tree may have exited with its parent. */
function killIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ESRCH') throw error
  }
}
