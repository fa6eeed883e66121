import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { PERMISSIONS, type Permissions } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import {
  AGENT_NAMES,
  type AgentName,
  findAgent,
  type ModelServer,
  prepareHome,
  processesOf,
  startModelServer,
} from '@iapeer/dev/agents'
import { campaignCases, isFullCampaign, run, until } from '@iapeer/dev/testing'
import { peerSocketPath, TmuxServer } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import {
  FleetSupervisor,
  finishLaunch,
  finishSessions,
  launchPeer,
  type PeerSession,
  readEvents,
  type StopResult,
  statusOf,
  stopPeer,
} from '../src/index.ts'
import { typeMessage } from '../src/launch/screen/type-message.ts'
import { adapterOf } from '../src/runtimes/adapters.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()

interface Agent {
  readonly root: string
  readonly home: string
  readonly entry: PeerEntry
  readonly env: NodeJS.ProcessEnv
  readonly model: ModelServer
  readonly deaths: () => readonly unknown[]
  /** Stops the agent and waits until its processes no longer write to its home. */
  readonly stop: () => Promise<StopResult>
}

/** Creates a peer that runs a real agent in a trusted repository. */
async function newAgent(
  runtime: AgentName,
  command: readonly string[],
  permissions: Permissions = 'ask',
): Promise<Agent> {
  const { path, root, peer, deaths } = newRoot()
  const home = join(path, 'home')
  const cwd = join(path, 'work')
  const model = await startModelServer()
  track(model.close)
  mkdirSync(home)
  mkdirSync(cwd)
  // Codex asks for trust only in a repository.
  await run('git', ['init', '-q', cwd])
  const env = prepareHome(runtime, { home, modelUrl: model.url })
  await peer(command, 'bob', runtime)
  await updatePeer(root, 'bob', { cwd, trustedCwd: cwd, permissions })
  const entry = getPeer(await listPeers(root), toPersonality('bob'))
  const identity = formatIdentity({ runtime: toRuntime(runtime), personality: toPersonality('bob') })
  const stop = async (): Promise<StopResult> => {
    const result = await stopPeer(root, identity, { by: 'a test' })
    await until('its processes to exit', () => processesOf(home).length === 0, 20_000)
    return result
  }
  return { root, home, entry, env, model, deaths, stop }
}

const handleOf = ({ socketPath, server }: PeerSession): TmuxServer =>
  new TmuxServer({ socketPath, process: server })

/** Returns in how many requests the model got a text as new input. */
const timesAsked = ({ requests }: ModelServer, text: string): number =>
  requests.filter(({ isTurn, added }) => isTurn && added.includes(text)).length

const AGENTS = await Promise.all(
  AGENT_NAMES.map(async (runtime) => ({ runtime, found: await findAgent(runtime) })),
)
for (const { runtime, found } of AGENTS)
  if (found.skipped !== undefined) console.warn(`tests of the real ${runtime} are skipped: ${found.skipped}`)

/** The options of the tests that run an agent. */
const optionsOf = (runtime: AgentName) => ({ timeout: 120_000, tags: [runtime] })

const SIZES = ['40x10', '80x24', '200x50'] as const

for (const { runtime, found } of AGENTS) {
  const { program = '' } = found
  const identity = formatIdentity({ runtime: toRuntime(runtime), personality: toPersonality('bob') })
  const adapter = adapterOf(toRuntime(runtime))

  describe.skipIf(found.program === undefined)(`the real ${runtime}`, optionsOf(runtime), () => {
    it.each(campaignCases(PERMISSIONS))(
      'with permissions %s boots through its dialogs, takes its first message, is stopped without a death record, and resumes its conversation without that message',
      async (permissions) => {
        const { root, entry, env, model, deaths, stop } = await newAgent(runtime, [program], permissions)
        const prompt = join(root, 'prompt.md')
        writeFileSync(prompt, 'You are bob. The word is kumquat.\n')
        const message = 'Say hello.\n1. To Ann\n2. To "Ben" & <Cleo>\nand to no one else.'
        await updatePeer(root, 'bob', { initialPrompt: message })
        const location = { env, cwd: entry.cwd, paneLog: '' }
        expect(await adapter.conversations?.newest(location)).toBeUndefined()

        const before = Date.now()
        const launched = await launchPeer(root, entry, { env, systemPromptFile: prompt })
        expect(launched).toMatchObject({ state: 'launched', session: { readyAt: expect.any(String) } })
        expect(launched.resumed).toBeUndefined()
        const request = await until('the model to be asked', () =>
          model.asked.find((one) => one.includes('kumquat')),
        )
        expect(request).toContain(JSON.stringify(message).slice(1, -1))
        const { socketPath, server, paneId } = launched.session
        const handle = new TmuxServer({ socketPath, process: server })
        await until('the answer', async () =>
          (await handle.capturePane(paneId)).includes('The model has read that.'),
        )
        const id = await until('its session', () => adapter.conversations?.newest(location))
        expect(id).toMatch(/^[0-9a-f-]{36}$/)
        expect(await adapter.newestActivity(location)).toBeGreaterThanOrEqual(before - 1_000)

        expect(await stop()).toMatchObject({ state: 'ended' })
        expect(deaths()).toEqual([])

        await updatePeer(root, 'bob', { initialPrompt: 'And goodbye.' })
        const again = await launchPeer(root, entry, {
          env,
          resume: 'own',
        })
        expect(again.resumed).toBe(id)
        // Its conversation has had its first message.
        const resumed = handleOf(again.session)
        await resumed.sendKeys(again.session.paneId, [{ text: 'And now?' }])
        await until('the text', async () =>
          (await resumed.capturePane(again.session.paneId)).includes('And now?'),
        )
        await new Promise((resolve) => setTimeout(resolve, 100))
        await resumed.sendKeys(again.session.paneId, [{ key: 'Enter' }])
        const second = await until('the model to be asked', () =>
          model.asked.find((one) => one.includes('And now?')),
        )
        expect(second).toContain('To Ann')
        expect(model.asked.filter((one) => one.includes('And goodbye.'))).toEqual([])
        await stop()
        expect(deaths()).toEqual([])
      },
    )

    it.runIf(isFullCampaign()).each(SIZES)('boots in a terminal of %s', async (size) => {
      const { root, entry, env, model, stop } = await newAgent(runtime, [program])
      mkdirSync(root, { recursive: true })
      writeFileSync(
        join(root, 'tmux.conf'),
        `resize-window -t ${identity} -x ${size.split('x')[0]} -y ${size.split('x')[1]}\n`,
      )
      await updatePeer(root, 'bob', { initialPrompt: 'Good morning.' })
      const { session, warnings } = await launchPeer(root, entry, { env })
      expect(warnings).toEqual([])
      await until('the model to be asked', () => model.asked.some((one) => one.includes('Good morning.')))
      expect((await statusOf(root, identity)).session).toEqual(session)
      await stop()
    })

    it.runIf(isFullCampaign())('boots while its terminal is resized repeatedly', async () => {
      const { root, entry, env, model, stop } = await newAgent(runtime, [program])
      await updatePeer(root, 'bob', { initialPrompt: 'Good morning.' })
      const socketPath = peerSocketPath(join(root, 'run'), identity)
      const launched = new AbortController()
      const resizing = (async () => {
        for (let at = 0; !launched.signal.aborted; at++) {
          const [width = '', height = ''] = SIZES[at % SIZES.length]?.split('x') ?? []
          await run('tmux', [
            '-S',
            socketPath,
            '-N',
            'resize-window',
            '-t',
            identity,
            '-x',
            width,
            '-y',
            height,
          ])
          await new Promise((resolve) => setTimeout(resolve, 300))
        }
      })()
      await launchPeer(root, entry, { env }).finally(() => launched.abort())
      await resizing
      await until('the model to be asked', () => model.asked.some((one) => one.includes('Good morning.')))
      await stop()
    })

    it('is interrupted, cleared and exited by its own controls', async () => {
      const { root, entry, env, model, deaths } = await newAgent(runtime, [program])
      const { session } = await launchPeer(root, entry, { env })
      const { socketPath, server, leader, paneId } = session
      const handle = new TmuxServer({ socketPath, process: server })
      const deadline = performance.now() + 60_000
      const pane = {
        identity,
        adapter,
        handle,
        paneId,
        leader,
        paneLog: { path: join(root, 'none'), from: 0 },
        deadline,
      }
      const shows = (word: RegExp) =>
        until(String(word), async () => word.test(await handle.capturePane(paneId)), 20_000)
      const type = async (control: 'compact' | 'clear' | 'exit'): Promise<void> => {
        const input = adapter.executeControl(control)
        if (input === undefined || !('text' in input)) throw new Error(`no text for ${control}`)
        await typeMessage(pane, input.text)
      }
      const release = model.hold()
      await typeMessage(pane, 'Count the stars.')
      await shows(/esc to interrupt/)
      expect(adapter.executeControl('interrupt')).toEqual({ key: 'Escape' })
      await handle.sendKeys(paneId, [{ key: 'Escape' }])
      await until(
        'the agent to be idle',
        async () => !/esc to interrupt/.test(await handle.capturePane(paneId)),
      )
      release()
      // A message that is interrupted before an answer may return to the input row.
      await handle.sendKeys(paneId, [{ key: 'C-u' }])
      await type('clear')
      await until('a clear screen', async () => !/stars/.test(await handle.capturePane(paneId)))
      await until('its input row', async () => {
        const screen = await handle.capturePane(paneId)
        return adapter.screen?.read(screen).step.kind === 'input'
      })
      await type('exit').catch((error: unknown) => expect(error).toMatchObject({ code: 'program-ended' }))
      await until('the record', async () => {
        await finishSessions(root)
        return deaths().length > 0
      })
      expect(deaths()).toMatchObject([{ ev: 'session-exit', dead_status: '0' }])
    })

    it('that is not logged in is blocked with a hint, and is stopped without a death record', async () => {
      const { root, home, entry, env, model, deaths, stop } = await newAgent(runtime, [program])
      if (runtime === 'codex') writeFileSync(join(home, '.codex', 'config.toml'), '')
      const { ANTHROPIC_AUTH_TOKEN: _token, ...loggedOut } = env
      await updatePeer(root, 'bob', { initialPrompt: 'Good morning.' })
      const { state, session } = await launchPeer(root, entry, { env: loggedOut })
      expect([state, session.readyAt]).toEqual(['blocked', undefined])
      expect(session.blocked).toMatchObject({ dialog: 'login', hint: expect.stringContaining('Log in') })
      expect(session.blocked?.typedAt).toBeUndefined()
      expect(await finishLaunch(root, session)).toMatchObject({ blocked: { dialog: 'login' } })
      expect((await statusOf(root, identity)).state).toBe('blocked')
      await stop()
      expect(timesAsked(model, 'Good morning.')).toBe(0)
      expect(deaths()).toEqual([])
    })

    it('that shows a dialog later is blocked until the dialog is closed, and then gets its message once', async () => {
      const { root, entry, env, model, stop } = await newAgent(runtime, [program])
      await updatePeer(root, 'bob', { initialPrompt: 'Good morning.' })
      const { session } = await launchPeer(root, entry, { env, bootTimeoutMs: 1 })
      expect(session.blocked).toBeDefined()
      const handle = handleOf(session)
      await until('its input row', async () => {
        const { screen, report } = adapter
        const reported = await report?.(session.leader)
        const { step } = screen?.read(await handle.capturePane(session.paneId)) ?? {}
        if (step?.kind === 'press') await handle.sendKeys(session.paneId, [{ key: step.key }])
        await new Promise((resolve) => setTimeout(resolve, 400))
        return step?.kind === 'input' && (runtime === 'codex' || reported?.status === 'idle')
      })
      await handle.sendKeys(session.paneId, [{ text: '/model' }])
      await until('the command', async () => /[❯›]\s?\/model/.test(await handle.capturePane(session.paneId)))
      await new Promise((resolve) => setTimeout(resolve, 500))
      await handle.sendKeys(session.paneId, [{ key: 'Enter' }])
      await until('its menu', async () => /Select|model/i.test(await handle.capturePane(session.paneId)))
      await new Promise((resolve) => setTimeout(resolve, 500))
      const still = await finishLaunch(root, session)
      expect(still?.blocked?.screen).toMatch(/model/i)
      expect(still?.blocked?.typedAt).toBeUndefined()
      await handle.sendKeys(session.paneId, [{ key: 'Escape' }])
      await until('the agent to be ready', async () => {
        const now = await finishLaunch(root, session)
        return now?.readyAt !== undefined
      })
      await until('the model to be asked', () => timesAsked(model, 'Good morning.') > 0)
      await finishLaunch(root, session)
      expect(timesAsked(model, 'Good morning.')).toBe(1)
      await stop()
    })

    it.runIf(isFullCampaign())('that is started by a wrapper becomes ready too', async () => {
      const { root, entry, env, model, stop } = await newAgent(runtime, [
        '/bin/sh',
        '-c',
        '"$0" "$@"; exit',
        program,
      ])
      await updatePeer(root, 'bob', { initialPrompt: 'Good morning.' })
      const { state, session } = await launchPeer(root, entry, { env })
      expect(state).toBe('launched')
      await until('the model to be asked', () => timesAsked(model, 'Good morning.') === 1)
      if (runtime === 'claude') {
        const reported = await adapter.report?.(session.leader)
        expect(reported).toMatchObject({ status: expect.stringMatching(/idle|busy/) })
      }
      await stop()
    })
  })
}

const claude = AGENTS.find(({ runtime }) => runtime === 'claude')?.found.program
describe.skipIf(claude === undefined)('Claude Code with an unknown dialog', optionsOf('claude'), () => {
  const identity = formatIdentity({ runtime: toRuntime('claude'), personality: toPersonality('bob') })

  async function blocked(): Promise<Agent & { readonly session: PeerSession }> {
    const agent = await newAgent('claude', [claude ?? ''])
    const servers = { mcpServers: { one: { command: 'true' }, two: { command: 'true' } } }
    writeFileSync(join(agent.entry.cwd, '.mcp.json'), JSON.stringify(servers))
    await updatePeer(agent.root, 'bob', { initialPrompt: 'Good morning.' })
    const { session } = await launchPeer(agent.root, agent.entry, { env: agent.env, bootTimeoutMs: 6_000 })
    expect(session.blocked).toMatchObject({ screen: expect.stringContaining('MCP servers') })
    return { ...agent, session }
  }

  const answer = async (session: PeerSession): Promise<void> =>
    handleOf(session).sendKeys(session.paneId, [{ key: 'Escape' }])

  it.runIf(isFullCampaign())(
    'is blocked; when a person has answered, the next call of finishLaunch finishes the launch',
    async () => {
      const { root, session, model, stop } = await blocked()
      await answer(session)
      // The dialogs that follow are answered as in any launch.
      await until(
        'the agent to be ready',
        async () => (await finishLaunch(root, session))?.readyAt !== undefined,
        20_000,
      )
      await until('the model to be asked', () => timesAsked(model, 'Good morning.') === 1)
      const { events } = await readEvents(root, { peer: 'bob' })
      expect(events.filter(({ ev }) => ev === 'blocked' || ev === 'launch')).toMatchObject([
        { ev: 'blocked', gen: session.gen },
        { ev: 'launch', gen: session.gen, message: 'given' },
      ])
      await stop()
    },
  )

  it('is blocked; when a person has answered, the daemon finishes the launch', async () => {
    const { root, session, model, deaths, stop } = await blocked()
    const supervisor = new FleetSupervisor(root)
    await supervisor.start()
    track(() => supervisor.stop())
    await answer(session)
    await until(
      'the agent to be ready',
      async () => (await statusOf(root, identity)).session?.readyAt,
      30_000,
    )
    await until('the model to be asked', () => timesAsked(model, 'Good morning.') === 1)
    expect((await statusOf(root, identity)).session?.gen).toBe(session.gen)
    await stop()
    expect(deaths()).toEqual([])
  })
})
