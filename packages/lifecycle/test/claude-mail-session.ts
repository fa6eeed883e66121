import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { type Envelope, formatCompactEnvelope } from '@iapeer/core/envelope'
import { formatIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import {
  type Attempt,
  type Conversation,
  type Message,
  type MessageId,
  newMessageId,
} from '@iapeer/core/mailbox'
import { formatProcessId } from '@iapeer/core/process'
import { type Permissions, readProfile } from '@iapeer/core/profile'
import { getPeer, listPeers, updatePeer } from '@iapeer/core/registry'
import { type ModelServer, prepareHome, processesOf, startModelServer } from '@iapeer/dev/agents'
import { run, until } from '@iapeer/dev/testing'
import { TmuxServer } from '@iapeer/tmux'
import { launchPeer, stopPeer } from '../src/index.ts'
import type { MailTarget, Offer, ProofRequest, Way } from '../src/mail/way.ts'
import { claudeMail } from '../src/mail/ways/claude/index.ts'
import type { TestRoot } from './support.ts'

const AT = '2026-06-10T12:00:00+02:00'

/** One attempt to give a message, with all that its proof needs. */
interface TestAttempt {
  readonly offer: Offer
  readonly attempt: Attempt
  readonly request: ProofRequest
}

function messageOf(id: MessageId, text: string): Message {
  return {
    ...{
      id,
      text,
      seq: 1,
      kind: 'message',
      from: { kind: 'operator', proof: 'terminal' },
      to: toPersonality('bob'),
    },
    ...{ attachments: [], priority: 'next', hops: 0, at: AT, boot: '', uptimeMs: 0 },
    ...{ state: 'waiting', step: 1, attempts: 0, deaths: 0, history: [] },
  }
}

/** Returns an offer of one message. */
export function newOffer(text: string, sender = 'ann'): Offer {
  const id = newMessageId()
  const envelope: Envelope = {
    ...{ id, fromPersonality: toPersonality(sender), fromRuntime: toRuntime('codex'), message: text },
    ...{ attachments: [], ts: AT, fromProof: 'bearer' },
  }
  return {
    text: formatCompactEnvelope(envelope, AT),
    messages: [{ id, n: 1, message: messageOf(id, text) }],
    mark: randomUUID(),
    sender,
    priority: 'next',
  }
}

/** A running Claude Code with a model on loopback, and what a person and the delivery engine do with it. */
export interface TestClaude {
  readonly target: MailTarget
  readonly model: ModelServer
  readonly handle: TmuxServer
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly directory: string
  readonly way: (name: Way['name']) => Way
  /** Prepares and makes an attempt. */
  readonly give: (text: string, way?: Way['name'], sender?: string) => Promise<TestAttempt>
  readonly prove: (given: TestAttempt) => ReturnType<Way['prove']>
  readonly isTaken: (given: TestAttempt) => Promise<void>
  readonly ready: () => Promise<void>
  readonly keys: (...keys: readonly string[]) => Promise<void>
  readonly say: (text: string) => Promise<void>
  /** Returns how often the model got a text as new input. */
  readonly asked: (text: string) => number
  readonly stop: () => Promise<void>
}

/** Returns the attempt of an offer, as the delivery engine writes it. */
export function attemptOf(
  target: MailTarget,
  offer: Offer,
  way: Way['name'],
  conversation: Conversation,
): TestAttempt {
  const { session } = target
  const [message] = offer.messages
  if (message === undefined) throw new Error('an offer without a message')
  const attempt: Attempt = {
    ...{
      n: message.n,
      way,
      identity: session.identity,
      gen: session.gen ?? '',
      conversation,
      mark: offer.mark,
    },
    leader: formatProcessId(session.leader),
    at: new Date().toISOString(),
    uptimeMs: uptime() * 1_000,
  }
  return { offer, attempt, request: { id: message.id, attempt, offer } }
}

export interface StartOptions {
  readonly permissions?: Permissions
  /** The person's own settings of Claude Code. */
  readonly settings?: object
  readonly launchEnv?: string
  readonly command?: readonly string[]
}

/** Launches a peer that runs Claude Code. */
export async function startClaude(
  { path, root, peer }: TestRoot,
  program: string,
  { permissions = 'skip', settings, launchEnv, command }: StartOptions = {},
): Promise<TestClaude> {
  const [home, cwd] = [join(path, 'home'), join(path, 'work')]
  const model = await startModelServer()
  for (const directory of [home, cwd]) mkdirSync(directory)
  await run('git', ['init', '-q', cwd])
  const env = prepareHome('claude', { home, modelUrl: model.url, trusted: cwd })
  if (settings !== undefined) {
    mkdirSync(join(home, '.claude'))
    writeFileSync(join(home, '.claude', 'settings.json'), JSON.stringify(settings))
  }
  await peer(command ?? [program], 'bob', 'claude')
  await updatePeer(root, 'bob', { cwd, trustedCwd: cwd, permissions })
  const entry = getPeer(await listPeers(root), toPersonality('bob'))
  if (launchEnv !== undefined) {
    const directory = join(entry.home, '.iapeer', 'runtimes', 'claude')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'launch.env'), launchEnv)
  }
  const { session } = await launchPeer(root, entry, { env })
  const profile = await readProfile(entry.home)
  if (profile === undefined || session.mail === undefined) throw new Error('not launched with messages')
  const target: MailTarget = { root, session, profile }
  const handle = new TmuxServer({ socketPath: session.socketPath, process: session.server })
  const way = (name: Way['name']): Way => {
    const found = claudeMail.ways(target).find((one) => one.name === name)
    if (found === undefined) throw new Error(`no way ${name}`)
    return found
  }
  const prove = ({ attempt, request }: TestAttempt) => way(attempt.way).prove(target, request)
  const keys = async (...names: readonly string[]): Promise<void> =>
    handle.sendKeys(
      session.paneId,
      names.map((key) => ({ key })),
    )
  return {
    ...{ target, model, handle, home, env, directory: session.mail.directory, way, prove, keys },
    give: async (text, name = 'inbox', sender = 'ann') => {
      const prepared = await until(
        `the way ${name}`,
        async () => {
          const found = await way(name).prepare(target, 'next')
          return found.kind === 'usable' ? found : undefined
        },
        15_000,
      )
      const given = attemptOf(target, newOffer(text, sender), name, prepared.conversation)
      const made = await way(name).offer(target, given.offer, given.attempt)
      if (made.kind !== 'made') throw new Error(`not made: ${made.why}`)
      return given
    },
    isTaken: async (given) => {
      await until('proof of taking', async () => (await prove(given)).kind === 'taken', 15_000)
    },
    ready: async () => {
      await until('the session to be ready', async () => (await claudeMail.readiness(target)) === 'ready')
    },
    say: async (text) => {
      await handle.sendKeys(session.paneId, [{ text }])
      await until('the text', async () => (await handle.capturePane(session.paneId)).includes(text))
      await new Promise((resolve) => setTimeout(resolve, 100))
      await keys('Enter')
    },
    asked: (text) => model.requests.filter(({ isTurn, added }) => isTurn && added.includes(text)).length,
    stop: async () => {
      await stopPeer(
        root,
        formatIdentity({ runtime: toRuntime('claude'), personality: toPersonality('bob') }),
        { by: 'a test' },
      )
      await until('its processes to exit', () => processesOf(path).length === 0, 20_000)
      await model.close()
    },
  }
}

/** Returns the answer of a model that runs a command with the tool Bash. */
export const bash = (command: string) => ({
  tools: [{ tool: 'Bash', input: { command, description: 'a test' } }],
})
