import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { formatIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { listPeers, type PeerEntry, requirePeer, updatePeer } from '@iapeer/core/registry'
import { run, until } from '@iapeer/dev/testing'
import { peerSocketPath, TmuxServer } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import { finishSessions, launchPeer, listSessions, statusOf, stopPeer } from '../src/index.ts'
import { typeMessage } from '../src/launch/type-message.ts'
import { adapterOf } from '../src/runtimes/index.ts'
import { type ModelServer, startModelServer } from './agents/model-server.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const folders = [
  ...(process.env['IAPEER_TEST_AGENTS']
    ? [join(process.env['IAPEER_TEST_AGENTS'], 'node_modules', '.bin')]
    : []),
  ...(process.env['PATH'] ?? '').split(delimiter),
]

function programOf(name: string): string | undefined {
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found === undefined)
    console.warn(
      `skipped: there is no ${name}; set IAPEER_TEST_AGENTS to the folder it was installed into by npm`,
    )
  return found
}

interface Agent {
  readonly root: string
  readonly home: string
  readonly entry: PeerEntry
  readonly env: NodeJS.ProcessEnv
  readonly model: ModelServer
  readonly deaths: () => readonly unknown[]
}

/** How a runtime is made to ask the model on loopback, in a home of its own. */
const SETUPS = {
  claude: (home: string, model: ModelServer): NodeJS.ProcessEnv => {
    writeFileSync(join(home, '.claude.json'), '{"hasCompletedOnboarding":true,"theme":"dark"}')
    return {
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_AUTH_TOKEN: 'nobody',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      IS_SANDBOX: '1',
    }
  },
  codex: (home: string, model: ModelServer): NodeJS.ProcessEnv => {
    mkdirSync(join(home, '.codex'))
    const provider = `[model_providers.fake]\nname = "fake"\nbase_url = "${model.url}/v1"\nwire_api = "responses"\n`
    writeFileSync(
      join(home, '.codex', 'config.toml'),
      `model = "fake"\nmodel_provider = "fake"\ncheck_for_update_on_startup = false\n${provider}`,
    )
    return {}
  },
} as const satisfies Record<string, (home: string, model: ModelServer) => NodeJS.ProcessEnv>

async function newAgent(runtime: keyof typeof SETUPS, program: string): Promise<Agent> {
  const { path, root, peer, deaths } = newRoot()
  const home = join(path, 'home')
  const cwd = join(path, 'work')
  const model = await startModelServer()
  track(model.close)
  mkdirSync(home)
  mkdirSync(cwd)
  // Codex asks for trust in a repository only.
  await run('git', ['init', '-q', cwd])
  const { ANTHROPIC_API_KEY: _key, CLAUDE_CONFIG_DIR: _claude, CODEX_HOME: _codex, ...rest } = process.env
  const env = { ...rest, HOME: home, ...SETUPS[runtime](home, model) }
  await peer([program], 'bob', runtime)
  await updatePeer(root, 'bob', { cwd })
  const entry = requirePeer(await listPeers(root), toPersonality('bob'))
  return { root, home, entry, env, model, deaths }
}

const SIZES = ['80x24', '200x50', '40x10'] as const

for (const runtime of ['claude', 'codex'] as const) {
  const program = programOf(runtime)
  const identity = formatIdentity({ runtime: toRuntime(runtime), personality: toPersonality('bob') })
  const adapter = adapterOf(toRuntime(runtime))

  describe.skipIf(program === undefined)(`${runtime}, the real one`, { timeout: 120_000 }, () => {
    it('boots through its dialogs, takes its first message, goes down in silence, and goes on where it was', async () => {
      const { root, entry, env, model, deaths } = await newAgent(runtime, program ?? '')
      const prompt = join(root, 'prompt.md')
      writeFileSync(prompt, 'You are bob. The word is kumquat.\n')
      const message = 'Say hello.\n1. To Ann\n2. To "Ben" & <Cleo>\nand to nobody else.'
      await updatePeer(root, 'bob', { initialPrompt: message })
      const place = { env, cwd: entry.cwd, paneLog: '' }
      expect(await adapter.resolveResume(place)).toBeUndefined()

      const before = Date.now()
      const launched = await launchPeer(root, entry, { env, systemPromptFile: prompt, resume: true })
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
      const id = await until('its session', () => adapter.resolveResume(place))
      expect(id).toMatch(/^[0-9a-f-]{36}$/)
      expect(await adapter.newestActivity(place)).toBeGreaterThanOrEqual(before - 1_000)

      expect(await stopPeer(root, identity, { by: 'a test' })).toMatchObject({ state: 'ended' })
      expect(deaths()).toEqual([])

      await updatePeer(root, 'bob', { initialPrompt: 'And goodbye.' })
      const again = await launchPeer(root, entry, {
        env,
        resume: true,
      })
      expect(again.resumed).toBe(id)
      const second = await until('the model to be asked', () =>
        model.asked.find((one) => one.includes('And goodbye.')),
      )
      expect(second).toContain('To Ann')
      await stopPeer(root, identity, { by: 'a test' })
      expect(deaths()).toEqual([])
    })

    it.each(SIZES)('boots in a terminal of %s', async (size) => {
      const { root, entry, env, model } = await newAgent(runtime, program ?? '')
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
      await stopPeer(root, identity, { by: 'a test' })
    })

    it('boots while its terminal is resized again and again', async () => {
      const { root, entry, env, model } = await newAgent(runtime, program ?? '')
      await updatePeer(root, 'bob', { initialPrompt: 'Good morning.' })
      const socketPath = peerSocketPath(join(root, 'run'), identity)
      const stop = new AbortController()
      const resizing = (async () => {
        for (let at = 0; !stop.signal.aborted; at++) {
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
      await launchPeer(root, entry, { env }).finally(() => stop.abort())
      await resizing
      await until('the model to be asked', () => model.asked.some((one) => one.includes('Good morning.')))
      await stopPeer(root, identity, { by: 'a test' })
    })

    it('is interrupted, cleared and ended by its own controls', async () => {
      const { root, entry, env, model, deaths } = await newAgent(runtime, program ?? '')
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
      await until('it to be idle', async () => !/esc to interrupt/.test(await handle.capturePane(paneId)))
      release()
      // What was interrupted before an answer may stand in the input row again.
      await handle.sendKeys(paneId, [{ key: 'C-u' }])
      await type('clear')
      await until('a clear screen', async () => !/stars/.test(await handle.capturePane(paneId)))
      await until('its input row', async () => adapter.isInputReady(await handle.capturePane(paneId)))
      await type('exit').catch((error: unknown) => expect(error).toMatchObject({ code: 'program-ended' }))
      await until('the record', async () => {
        await finishSessions(root)
        return deaths().length > 0
      })
      expect(deaths()).toMatchObject([{ ev: 'session-exit', dead_status: '0' }])
    })

    it('that nobody has logged in is refused, and nothing of it is left', async () => {
      const { root, home, entry, env, deaths } = await newAgent(runtime, program ?? '')
      if (runtime === 'codex') writeFileSync(join(home, '.codex', 'config.toml'), '')
      const { ANTHROPIC_AUTH_TOKEN: _token, ...none } = env
      await expect(launchPeer(root, entry, { env: none })).rejects.toMatchObject({
        code: 'not-logged-in',
        hint: expect.stringContaining('Log in first'),
      })
      expect(await listSessions(root)).toEqual([])
      expect(readdirSync(join(root, 'run'))).toEqual([])
      expect(deaths()).toEqual([])
    })
  })
}
