import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity, toPersonality } from '@iapeer/core/identity'
import { getPeer, listPeers } from '@iapeer/core/registry'
import { findAgent } from '@iapeer/dev/agents'
import { campaignSize, isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { launchPeer, settleFleet } from '../src/index.ts'
import { mailAdapterOf } from '../src/mail/adapters.ts'
import { MailDelivery, messageView, releaseMessage, sendMessage } from '../src/mail/index.ts'
import type { MailAdapter, MailTarget, Proof, ProofRequest, Way } from '../src/mail/way.ts'
import { startClaude, type TestClaude } from './claude-mail-session.ts'
import { editProfile, OPERATOR } from './mail-support.ts'
import { roots, type TestRoot } from './support.ts'

// The log of the model is the oracle: how often it got a message. A delivery with a known fault has to be caught by it.

const { newRoot, track } = roots()
const found = await findAgent('claude')
if (found.skipped !== undefined) console.warn(`tests with the log of the model are skipped: ${found.skipped}`)

type Change = (adapter: MailAdapter) => MailAdapter

/** A delivery that takes three seconds without a sign for a proof of absence. */
const withThreeSecondRule: Change = (adapter) => ({
  ...adapter,
  ways: (target) =>
    adapter.ways(target).map(
      (way): Way => ({
        ...way,
        prove: async (of, request) => {
          const proof = await way.prove(of, request)
          const isOld = Date.now() - Date.parse(request.attempt.at) > 3_000
          return proof.kind === 'none' && isOld ? { kind: 'absent', why: 'three seconds are over' } : proof
        },
      }),
    ),
})

/** A delivery that does not look at the conversation of a session that has ended. */
const withoutLastLook: Change = (adapter) => ({ ...adapter, lastLook: async () => ({ kind: 'none' }) })

/** A delivery that takes an id anywhere in the conversation for a proof. */
const withSubstringProof: Change = (adapter) => {
  const search = async (_: MailTarget, { id, attempt }: ProofRequest): Promise<Proof> => {
    const path = attempt.conversation.path ?? ''
    const isThere = existsSync(path) && readFileSync(path, 'utf8').includes(id)
    return isThere ? { kind: 'taken', by: 'transcript' } : { kind: 'none' }
  }
  return {
    ...adapter,
    ways: (target) => adapter.ways(target).map((way): Way => ({ ...way, prove: search })),
    lastLook: search,
  }
}

const unchanged: Change = (adapter) => adapter

const peer = (name: string) =>
  ({ kind: 'peer', proof: 'bearer', identity: toIdentity(`command-${name}`) }) as const

interface Act {
  readonly root: TestRoot
  readonly claude: TestClaude
  readonly delivery: () => MailDelivery
  /** Sends a message, and returns once its attempt is about to be made. */
  readonly post: (text: string) => Promise<string>
  /** Returns how many envelopes of a message the model got. */
  readonly given: (id: string) => number
}

async function newAct(change: Change): Promise<Act> {
  const root = newRoot()
  const claude = await startClaude(root, found.program ?? '')
  track(claude.stop)
  await claude.ready()
  const delivery = () => {
    const made = new MailDelivery(root.root, {
      env: {},
      onError: (what, error) => console.error(what, error),
      adapterOf: (identity) => change(mailAdapterOf(identity)),
    })
    track(() => made.stop())
    return made
  }
  const post = async (text: string): Promise<string> => {
    const { id } = await sendMessage(root.root, { to: 'bob', text, sender: OPERATOR, env: {} })
    await until('the frame', async () => {
      const { attempt } = await messageView(root.root, id)
      return attempt !== undefined && existsSync(join(claude.directory, 'frames', attempt.mark))
    })
    return id
  }
  const given = (id: string): number =>
    claude.model.requests
      .filter(({ isTurn }) => isTurn)
      .reduce((sum, { added }) => sum + added.split(`<iap id=\\"${id}`).length - 1, 0)
  return { root, claude, delivery, post, given }
}

/** The agent is stopped before it reads its inbox, for longer than any limit, and goes on. */
async function frozenAgent(change: Change): Promise<number> {
  const { root, claude, delivery, post, given } = await newAct(change)
  const { server, leader } = claude.target.session
  await delivery().start()
  const id = await post('kumquat')
  // tmux would continue a stopped child.
  for (const { pid } of [server, leader]) process.kill(pid, 'SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  for (const { pid } of [leader, server]) process.kill(pid, 'SIGCONT')
  await until(
    'the message to be taken and its turn to end',
    async () => (await messageView(root.root, id)).state === 'handled',
    20_000,
  )
  // A second one would come with the next turns.
  await claude.ready()
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  return given(id)
}

/** The daemon is gone when the agent takes the message, and the agent is killed in that turn. */
async function killedAgent(change: Change): Promise<number> {
  const { root, claude, delivery, post, given } = await newAct(change)
  claude.model.script(
    { tools: [{ tool: 'Bash', input: { command: 'true', description: 'a test' } }] },
    { delayMs: 5_000, text: 'too late' },
  )
  const first = delivery()
  await first.start()
  const id = await post('quince')
  await first.stop()
  const { attempt } = await messageView(root.root, id)
  await until('its record', async () => {
    const path = attempt?.conversation.path ?? ''
    return existsSync(path) && readFileSync(path, 'utf8').includes(`"msg_id":"${attempt?.mark}"`)
  })
  await until('the tool to run', () => claude.model.requests.filter(({ isTurn }) => isTurn).length >= 2)
  process.kill(claude.target.session.leader.pid, 'SIGKILL')
  await until('the death to be settled', async () => {
    await settleFleet(root.root)
    return root.deaths().length === 1
  })
  const entry = getPeer(await listPeers(root.root), toPersonality('bob'))
  await launchPeer(root.root, entry, { env: claude.env, resume: 'own' })
  await delivery().start()
  await until(
    'what follows',
    async () => {
      const { attempts, why } = await messageView(root.root, id)
      return attempts > 1 || why === 'reminded'
    },
    20_000,
  )
  await until('the model to be asked', () => given(id) > 1 || claude.asked(`${id} above`) > 0, 20_000)
  return given(id)
}

/** A message that the agent never read is quoted in one that it did read, and the agent is killed. */
async function quotedId(change: Change): Promise<number> {
  let beforeOffer = (): void => {}
  const freezing: Change = (adapter) => ({
    ...adapter,
    ways: (target) =>
      adapter.ways(target).map(
        (way): Way => ({
          ...way,
          offer: (...attempt) => {
            beforeOffer()
            return way.offer(...attempt)
          },
        }),
      ),
  })
  const { root, claude, delivery, post, given } = await newAct((adapter) => change(freezing(adapter)))
  await editProfile(root.root, 'bob', { interfaces: { mail: { hold: ['ann'] } } })
  const { id, why } = await sendMessage(root.root, {
    to: 'bob',
    text: 'medlar',
    sender: peer('ann'),
    env: {},
  })
  expect(why).toBe('held: policy')
  await delivery().start()
  const quoting = await post(`Did ${id} come?`)
  await until('the quoting one', async () => (await messageView(root.root, quoting)).state === 'handled')

  const { server, leader } = claude.target.session
  beforeOffer = () => {
    beforeOffer = () => {}
    for (const { pid } of [server, leader]) process.kill(pid, 'SIGSTOP')
  }
  await releaseMessage(root.root, id, OPERATOR)
  await until('its attempt', async () => (await messageView(root.root, id)).attempt !== undefined)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  process.kill(leader.pid, 'SIGKILL')
  process.kill(server.pid, 'SIGCONT')
  await until('the death to be settled', async () => {
    await settleFleet(root.root)
    return root.deaths().length === 1
  })
  const entry = getPeer(await listPeers(root.root), toPersonality('bob'))
  await launchPeer(root.root, entry, { env: claude.env, resume: 'own' })
  await until('a receipt', async () => (await messageView(root.root, id)).taken !== undefined, 20_000)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  return given(id)
}

describe.runIf(isFullCampaign() && found.program !== undefined)(
  'the log of the model shows that a message',
  { timeout: 90_000, tags: ['claude'] },
  () => {
    it('to an agent that is frozen when it is posted is given once', async () => {
      expect(await frozenAgent(unchanged)).toBe(1)
    })

    it('is given twice by a delivery that gives it again after three seconds', async () => {
      expect(await frozenAgent(withThreeSecondRule)).toBe(2)
    })

    it('that an agent took before it was killed is given once, and the resumed conversation gets a reminder', async () => {
      expect(await killedAgent(unchanged)).toBe(1)
    })

    it('is given twice by a delivery that does not take a last look', async () => {
      expect(await killedAgent(withoutLastLook)).toBe(2)
    })

    it('whose id is quoted by another one is given when it was not read', async () => {
      expect(await quotedId(unchanged)).toBe(1)
    })

    it('is never given by a delivery that takes an id in the conversation for a proof', async () => {
      expect(await quotedId(withSubstringProof)).toBe(0)
    })

    const writers = campaignSize(70)
    it(`is given once to an agent that ${writers} peers write to at the same time`, async () => {
      const { root, delivery, given } = await newAct(unchanged)
      await delivery().start()
      const senders = Array.from({ length: writers }, (_, nth) => peer(`p${nth}`))
      const receipts = await Promise.all(
        senders.map((sender) => sendMessage(root.root, { to: 'bob', text: 'hello', sender, env: {} })),
      )
      const states = () =>
        Promise.all(receipts.map(async ({ id }) => (await messageView(root.root, id)).state))
      await until(
        'all to be handled',
        async () => (await states()).every((state) => state === 'handled'),
        60_000,
      )
      expect(receipts.map(({ id }) => given(id))).toEqual(receipts.map(() => 1))
    })
  },
)
