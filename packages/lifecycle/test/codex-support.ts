import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatCompactEnvelope, localIsoTime } from '@iapeer/core/envelope'
import { toIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { type Attempt, newMessageId } from '@iapeer/core/mailbox'
import { formatProcessId } from '@iapeer/core/process'
import { type Permissions, readProfile } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { findAgent, type ModelServer, prepareHome, processesOf, startModelServer } from '@iapeer/dev/agents'
import { run, until } from '@iapeer/dev/testing'
import { TmuxServer } from '@iapeer/tmux'
import { type LaunchOptions, launchPeer, stopPeer } from '../src/index.ts'
import type { MailTarget, Offer, ProofRequest, Way } from '../src/mail/way.ts'
import { codexMail } from '../src/mail/ways/codex/index.ts'
import { codexRuntime } from '../src/runtimes/codex.ts'
import type { roots } from './support.ts'

export const IDENTITY = toIdentity('codex-bob')
export const found = await findAgent('codex')
if (found.skipped !== undefined)
  console.warn(`tests of messages to the real codex are skipped: ${found.skipped}`)

/** A running Codex, its model and its screen. */
export interface Codex {
  readonly root: string
  readonly home: string
  readonly entry: PeerEntry
  readonly env: NodeJS.ProcessEnv
  readonly target: MailTarget
  readonly model: ModelServer
  readonly deaths: () => readonly Readonly<Record<string, string>>[]
  readonly screen: () => Promise<string>
  readonly keys: (...keys: readonly string[]) => Promise<void>
  /** Types text, waits until the input row holds it, and presses Enter. */
  readonly say: (text: string) => Promise<void>
  readonly type: (text: string) => Promise<void>
  readonly stop: () => Promise<void>
}

type Place = Pick<Codex, 'root' | 'home' | 'env' | 'model' | 'deaths'>

/** Returns a function that starts Codex in a home of its own. Call once per test file. */
export function codexes({ track, newRoot }: ReturnType<typeof roots>) {
  return async function startCodex(
    permissions: Permissions = 'skip',
    command = [found.program ?? ''],
  ): Promise<Codex> {
    const { path, root, peer, deaths } = newRoot()
    const [home, cwd] = [join(path, 'home'), join(path, 'work')]
    const model = await startModelServer()
    track(model.close)
    for (const directory of [home, cwd]) mkdirSync(directory)
    await run('git', ['init', '-q', cwd])
    const env = prepareHome('codex', { home, modelUrl: model.url, trusted: cwd })
    await peer(command, 'bob', 'codex')
    await updatePeer(root, 'bob', { cwd, permissions })
    return launch({ root, home, env, model, deaths })
  }
}

export async function launch(place: Place, options: Pick<LaunchOptions, 'resume'> = {}): Promise<Codex> {
  const { root, home, env, model, deaths } = place
  const entry = getPeer(await listPeers(root), toPersonality('bob'))
  const { session } = await launchPeer(root, entry, { env, ...options })
  const profile = await readProfile(entry.home)
  if (profile === undefined) throw new Error('no profile')
  const handle = new TmuxServer({ socketPath: session.socketPath, process: session.server })
  const screen = () => handle.capturePane(session.paneId)
  const keys = (...names: readonly string[]) =>
    handle.sendKeys(
      session.paneId,
      names.map((key) => ({ key })),
    )
  const type = async (text: string) => {
    await handle.sendKeys(session.paneId, [{ text }])
    await until(`${text} in the input row`, async () =>
      codexRuntime.screen?.read(await screen()).input?.includes(text),
    )
  }
  return {
    ...{ root, home, entry, env, model, deaths, screen, keys, type },
    target: { root, session, profile },
    say: async (text) => {
      await type(text)
      // Codex takes an Enter that follows at once for a part of a paste.
      await new Promise((resolve) => setTimeout(resolve, 100))
      await keys('Enter')
    },
    stop: async () => {
      await stopPeer(root, IDENTITY, { by: 'a test' })
      await until('its processes to exit', () => processesOf(home).length === 0, 20_000)
    },
  }
}

export const asked = ({ model }: Codex, text: string) =>
  until(`the model to be asked ${text}`, () =>
    model.requests.find(({ isTurn, added }) => isTurn && added.includes(text)),
  )

/** An offer with its attempt to the conversation on the screen. */
export async function prepareOffer(
  { target }: Codex,
  text: string,
  way: Way | undefined = codexMail.ways(target)[0],
): Promise<{ offer: Offer; attempt: Attempt; request: ProofRequest }> {
  const prepared = await way?.prepare(target, 'next')
  if (way === undefined || prepared?.kind !== 'usable')
    throw new Error(`not usable: ${JSON.stringify(prepared)}`)
  const [id, mark] = [newMessageId(), randomUUID()]
  const sender = { fromPersonality: toPersonality('ann'), fromRuntime: toRuntime('claude') }
  const envelope = formatCompactEnvelope(
    { id, ...sender, attachments: [], message: text },
    localIsoTime(new Date()),
  )
  const offer: Offer = { text: envelope, messages: [], mark, sender: 'ann', priority: 'next' }
  const { session } = target
  const attempt: Attempt = {
    ...{ n: 1, way: way.name, identity: IDENTITY, gen: session.gen ?? '', mark },
    ...{ leader: formatProcessId(session.leader), conversation: prepared.conversation },
    ...{ at: new Date().toISOString(), uptimeMs: 0 },
  }
  return { offer, attempt, request: { id, attempt, offer } }
}
export const wayOf = ({ target }: Codex) => {
  const [way] = codexMail.ways(target)
  if (way === undefined) throw new Error('no way')
  return way
}
export const tool = (cmd: string, more: object = {}) => ({
  tools: [{ tool: 'exec_command', input: { cmd, yield_time_ms: 20_000, ...more } }],
})
