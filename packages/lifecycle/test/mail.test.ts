import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { toIdentity, toPersonality } from '@iapeer/core/identity'
import { isMailboxId, type Message, type MessageSender } from '@iapeer/core/mailbox'
import { readProfileText, replaceProfileText } from '@iapeer/core/profile'
import { findPeer, renamePeer, upsertPeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changeTally, FleetSupervisor, readSession, removeNamed, setMark, statusOf } from '../src/index.ts'
import {
  acknowledge,
  listInbox,
  MailDelivery,
  mailboxOf,
  messageView,
  pauseMailbox,
  type Receipt,
  readDeliveryLog,
  releaseMessage,
  releaseStarts,
  resumeMailbox,
  returnMessage,
  sendMessage,
  startsHeldSince,
} from '../src/mail/index.ts'
import {
  editProfile,
  holdLockAs,
  mailFiles,
  OPERATOR,
  RECORDING_PEER,
  recorded,
  send,
  untilState,
} from './mail-support.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot, track } = roots()

let test: TestRoot
let delivery: MailDelivery
const errors: unknown[] = []

beforeEach(() => {
  test = newRoot()
  errors.length = 0
  delivery = newDelivery()
})
afterEach(() => expect(errors).toEqual([]))

function newDelivery(): MailDelivery {
  const made = new MailDelivery(test.root, { env: {}, onError: (what, error) => errors.push(what, error) })
  track(() => made.stop())
  return made
}

const declare = (name: string, fields: object): Promise<void> => editProfile(test.root, name, fields)

/** Makes a peer that takes each message of its directory. @returns the file that it records them in */
async function recordingPeer(name = 'bob', mail: object = {}): Promise<string> {
  const path = join(test.path, `${name}.jsonl`)
  await test.peer([...RECORDING_PEER, path], name)
  await declare(name, { interfaces: { mail: { way: 'directory', ...mail } } })
  return path
}

/** Makes a peer that never looks at its messages. */
async function deafPeer(name = 'bob', way = 'directory'): Promise<void> {
  await test.peer(['sleep', '1000'], name)
  await declare(name, { interfaces: { mail: { way } } })
}

const peerSender = async (name: string): Promise<MessageSender> => {
  const session = await readSession(test.root, toIdentity(`command-${name}`))
  return { kind: 'peer', proof: 'bearer', identity: toIdentity(`command-${name}`), gen: session?.gen }
}

function noPeer(): never {
  throw new Error('no peer')
}

/** Leaves out the step that a program which is seen at work adds: a second `offered`. */
const withoutSeen = <T extends { readonly state?: string | undefined }>(steps: readonly T[]): T[] =>
  steps.filter(({ state }, nth) => state !== 'offered' || steps[nth - 1]?.state !== 'offered')

const states = ({ history }: Message): string[] => withoutSeen(history).map(({ state }) => state)

/** Waits until the delivery log has the last step of a message, and returns its lines. */
const wholeLog = () =>
  until('the log', () => {
    const lines = readDeliveryLog(test.root)
    return lines.at(-1)?.['state'] === 'handled' ? withoutSeen(lines) : undefined
  })

describe('a message', () => {
  it('is stored without a daemon, starts its recipient when one runs, and is closed when the program has taken it', async () => {
    const path = await recordingPeer()
    const receipt = await send(test.root, 'bob', 'hello')
    expect(receipt).toMatchObject({ state: 'waiting', isNew: true })
    await delivery.start()
    const message = await untilState(test.root, receipt.id, 'handled')
    expect(states(message)).toEqual(['waiting', 'offered', 'taken', 'handled'])
    expect(message.taken).toMatchObject({
      identity: 'command-bob',
      way: 'directory',
      proof: 'acknowledgement',
      n: 1,
    })
    expect(recorded(path)).toEqual([
      expect.objectContaining({ id: receipt.id, text: 'hello', from: 'operator', n: 1 }),
    ])
    // Its last step is written before it is moved.
    await until('its move', async () => (await mailFiles(test.root, 'bob', 'open')).length === 0)
    expect((await wholeLog()).map(({ state }) => state)).toEqual(['waiting', 'offered', 'taken', 'handled'])
    expect(test.deaths()).toEqual([])
  })

  it('to a running session adds its topic to those of the conversation, so that a later message about it resumes it', async () => {
    await recordingPeer()
    await delivery.start()
    const first = await send(test.root, 'bob', 'one')
    await untilState(test.root, first.id, 'handled')
    const topics = async () => (await statusOf(test.root, toIdentity('command-bob'))).tally.topics
    expect(await topics()).toEqual([])
    for (const topic of ['release', 'tests', 'release']) {
      const { id } = await send(test.root, 'bob', 'two', { topic })
      await untilState(test.root, id, 'handled')
    }
    await until('the topics, the latest last', async () => (await topics()).join() === 'tests,release')
  })

  it('follows the one before it: of one sender, one is offered at a time, and the order is kept', async () => {
    const path = await recordingPeer()
    const sent = []
    for (let at = 0; at < 12; at++) sent.push(await send(test.root, 'bob', `m${at}`))
    await delivery.start()
    await untilState(test.root, sent.at(-1)?.id ?? '', 'handled')
    expect(recorded(path).map(({ text }) => text)).toEqual(sent.map((_one, at) => `m${at}`))
  })

  it('to a peer that a person has stopped is returned at once', async () => {
    await deafPeer()
    await setMark(test.root, toIdentity('command-bob'), 'stopped')
    const receipt = await send(test.root, 'bob', 'hello')
    expect(receipt).toMatchObject({
      state: 'returned',
      why: 'stopped',
      note: expect.stringContaining('stopped'),
    })
    expect(await mailFiles(test.root, 'bob', 'closed')).toHaveLength(1)
  })

  it('that waits is returned when its time is over, by running time', async () => {
    await test.peer(['sleep', '1000'])
    const receipt = await send(test.root, 'bob', 'hello', { expiresMs: 1 })
    await delivery.start()
    expect(await untilState(test.root, receipt.id, 'returned')).toMatchObject({ why: 'expired' })
  })

  it('that a program declares no way for waits until it is read, and is closed by its acknowledgement', async () => {
    await test.peer(['sleep', '1000'])
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    await until('the reason', async () => (await messageView(test.root, id)).why === 'no way')
    await expect(acknowledge(test.root, id, { kind: 'unknown', proof: 'none' })).rejects.toMatchObject({
      code: 'not-your-message',
    })
    expect(await acknowledge(test.root, id, await peerSender('bob'))).toMatchObject({ state: 'handled' })
    expect((await acknowledge(test.root, id, await peerSender('bob'))).step).toBe(
      (await messageView(test.root, id)).step,
    )
  })
})

describe('an attempt', () => {
  it('that was not taken can be called back: the message is returned, and the program does not get it', async () => {
    await deafPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    const offered = await untilState(test.root, id, 'offered')
    const directory = (await readSession(test.root, toIdentity('command-bob')))?.mail?.directory ?? ''
    await until('the file', () => existsSync(join(directory, 'mail', 'new', `${id}-1.json`)))
    expect((await returnMessage(test.root, id, OPERATOR)).isReturned).toBe(false)
    expect(await untilState(test.root, id, 'returned')).toMatchObject({ why: 'called back' })
    expect(readdirSync(join(directory, 'mail', 'new'))).toEqual([])
    expect(offered.attempt).toMatchObject({ n: 1, way: 'directory' })
  })

  it('that was taken cannot be called back', async () => {
    await recordingPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    await untilState(test.root, id, 'handled')
    await expect(returnMessage(test.root, id, OPERATOR)).rejects.toMatchObject({ code: 'message-state' })
  })

  it.runIf(isFullCampaign())(
    'to a session that dies waits again, marked, and goes to the next session',
    async () => {
      await deafPeer()
      const supervisor = new FleetSupervisor(test.root, {
        env: { IAPEER_TICK_SECS: '0.5' },
        onError: (...error) => errors.push(error),
      })
      track(() => supervisor.stop())
      const { id } = await send(test.root, 'bob', 'hello')
      await supervisor.start()
      await untilState(test.root, id, 'offered')
      const first = await readSession(test.root, toIdentity('command-bob'))
      await new Promise((resolve) => setTimeout(resolve, 150))
      process.kill(first?.leader.pid ?? 0, 'SIGKILL')
      const again = await until('the second attempt', async () => {
        const message = await messageView(test.root, id)
        return message.attempts === 2 ? message : undefined
      })
      expect(again).toMatchObject({ deaths: 1, again: 'maybe', attempt: { n: 2 } })
      expect(again.death).toBe(`command-bob-${first?.gen}`)
      const second = await readSession(test.root, toIdentity('command-bob'))
      process.kill(second?.leader.pid ?? 0, 'SIGKILL')
      expect(
        await until('the hold', async () => {
          const message = await messageView(test.root, id)
          return message.isHeld ? message : undefined
        }),
      ).toMatchObject({ why: 'held: suspect', deaths: 2 })
      expect(test.deaths()).toHaveLength(2)
    },
  )

  it('that a killed daemon has written and not made is settled by the next one', async () => {
    await deafPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    await untilState(test.root, id, 'offered')
    await delivery.stop()
    const directory = (await readSession(test.root, toIdentity('command-bob')))?.mail?.directory ?? ''
    renameSync(
      join(directory, 'mail', 'new', `${id}-1.json`),
      join(directory, 'mail', 'taken', `${id}-1.json`),
    )
    await newDelivery().start()
    expect((await untilState(test.root, id, 'handled')).attempts).toBe(1)
  })

  it('is not made by a daemon that does not own the root any more', async () => {
    await deafPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    const lock = join(test.root, 'run', 'iapeerd.lock')
    mkdirSync(join(test.root, 'run'), { recursive: true })
    const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    track(() => holder.kill('SIGKILL'))
    await holdLockAs(lock, holder.pid ?? 0)
    await delivery.start()
    // The state of the message may have another reason a moment later.
    const refusal = await until('the refusal', () =>
      readDeliveryLog(test.root).find(({ why }) => why?.startsWith('not given')),
    )
    expect(refusal).toMatchObject({
      id,
      state: 'waiting',
      why: expect.stringContaining('does not own the root'),
    })
  })
})

describe('what a killed process has left', () => {
  it('in delivery.log is completed, each line once', async () => {
    await recordingPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    rmSync(join(test.root, 'logs', 'iapeer', 'delivery.log'))
    await delivery.start()
    await untilState(test.root, id, 'handled')
    const lines = await wholeLog()
    expect(lines.map(({ state, late }) => [state, late])).toEqual([
      ['waiting', '1'],
      ['offered', undefined],
      ['taken', undefined],
      ['handled', undefined],
    ])
    expect(JSON.stringify(lines)).not.toContain('hello')
  })

  it('as an unreadable file of a message does not keep the others waiting', async () => {
    const path = await recordingPeer()
    const [broken, whole] = [await send(test.root, 'bob', 'one'), await send(test.root, 'bob', 'two')]
    const box = await mailboxOf(test.root, (await findPeer(test.root, 'bob')) ?? noPeer())
    writeFileSync(join(box.directory, 'open', `00000001-${broken.id}.json`), '{"v":1')
    await delivery.start()
    await untilState(test.root, whole.id, 'handled')
    expect(recorded(path).map(({ text }) => text)).toEqual(['two'])
  })

  it('is that an answered message is not marked, which the next daemon does', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    const ann = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    const bob = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-bob') } as const
    const question = await sendMessage(test.root, { to: 'bob', text: 'q', sender: ann, env: {} })
    const box = await mailboxOf(test.root, (await findPeer(test.root, 'bob')) ?? noPeer())
    const before = readFileSync(join(box.directory, 'open', `00000001-${question.id}.json`))
    const answer = await sendMessage(test.root, {
      to: 'ann',
      text: 'a',
      re: question.id,
      sender: bob,
      env: {},
    })
    expect(await messageView(test.root, question.id)).toMatchObject({
      state: 'answered',
      answeredBy: answer.id,
    })
    rmSync(join(box.directory, 'closed', `00000001-${question.id}.json`))
    writeFileSync(join(box.directory, 'open', `00000001-${question.id}.json`), before)
    await delivery.start()
    expect(await untilState(test.root, question.id, 'answered')).toMatchObject({ answeredBy: answer.id })
  })
})

describe('the mailbox of a peer', () => {
  it.runIf(isFullCampaign())('goes with it when it is renamed', async () => {
    const path = await recordingPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    await renamePeer(test.root, 'bob', toPersonality('rob'))
    await delivery.start()
    expect(await untilState(test.root, id, 'handled')).toMatchObject({ taken: { identity: 'command-rob' } })
    expect(recorded(path)).toHaveLength(1)
  })

  it('that is removed is returned to its senders, who get one notice each, and a new peer of that name gets nothing of it', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    const ann = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    const { id } = await sendMessage(test.root, { to: 'bob', text: 'hello', sender: ann, env: {} })
    await removeNamed(test.root, 'bob', { by: 'test' })
    expect(await messageView(test.root, id)).toMatchObject({ state: 'returned', why: 'removed' })
    const notices = await listInbox(test.root, 'ann')
    expect(notices.map(({ kind, text }) => [kind, text])).toEqual([['notice', expect.stringContaining(id)]])
    await deafPeer('bob')
    expect(await listInbox(test.root, 'bob', { all: true })).toEqual([])
  })

  it('is its own when its home was copied', async () => {
    await deafPeer('bob')
    const bob = (await findPeer(test.root, 'bob')) ?? noPeer()
    const box = await mailboxOf(test.root, bob)
    const copy = join(test.path, 'copy')
    cpSync(bob.home, copy, { recursive: true })
    const text = (await readProfileText(copy)) ?? ''
    await replaceProfileText(copy, {
      from: text,
      to: JSON.stringify({ ...JSON.parse(text), personality: 'rob' }),
    })
    const rob = await upsertPeer(test.root, copy)
    expect((await mailboxOf(test.root, rob)).directory).not.toBe(box.directory)
    expect((await mailboxOf(test.root, bob)).directory).toBe(box.directory)
  })

  it('is made for a peer of an earlier version, whose profile names none', async () => {
    await deafPeer('bob')
    const bob = (await findPeer(test.root, 'bob')) ?? noPeer()
    const text = (await readProfileText(bob.home)) ?? ''
    const { mailbox, ...former } = JSON.parse(text)
    await replaceProfileText(bob.home, { from: text, to: JSON.stringify(former) })
    await send(test.root, 'bob', 'hello')
    const made = JSON.parse((await readProfileText(bob.home)) ?? '').mailbox
    expect(isMailboxId(made) && made !== mailbox).toBe(true)
    expect(await listInbox(test.root, 'bob')).toHaveLength(1)
  })
})

describe('the rules', () => {
  it('of a recipient refuse or hold a sender, and a person releases what is held', async () => {
    const path = await recordingPeer('bob', { hold: ['*'], refuse: ['eve'] })
    await deafPeer('eve')
    await deafPeer('ann')
    const from = (name: string) =>
      ({ kind: 'peer', proof: 'bearer', identity: toIdentity(`command-${name}`) }) as const
    const refused = await sendMessage(test.root, { to: 'bob', text: 'x', sender: from('eve'), env: {} })
    expect(refused).toMatchObject({ state: 'returned', why: 'policy' })
    const held = await sendMessage(test.root, { to: 'bob', text: 'y', sender: from('ann'), env: {} })
    expect(held).toMatchObject({ state: 'waiting', why: 'held: policy' })
    await expect(releaseMessage(test.root, held.id, from('ann'))).rejects.toMatchObject({
      code: 'not-the-operator',
    })
    await releaseMessage(test.root, held.id, OPERATOR)
    await delivery.start()
    await untilState(test.root, held.id, 'handled')
    expect(recorded(path).map(({ text }) => text)).toEqual(['y'])
  })

  it('hold the thirty-first message of a minute', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    const sender = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    const receipts = []
    for (let at = 0; at < 31; at++)
      receipts.push(await sendMessage(test.root, { to: 'bob', text: `${at}`, sender, env: {} }))
    expect(receipts.slice(0, 30).every(({ why }) => why === undefined)).toBe(true)
    expect(receipts.at(-1)).toMatchObject({
      state: 'waiting',
      why: 'held: rate',
      note: expect.stringContaining('held'),
    })
  })

  it('stop two peers that answer each other', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    const from = (name: string) =>
      ({ kind: 'peer', proof: 'bearer', identity: toIdentity(`command-${name}`) }) as const
    let re = (await send(test.root, 'bob', 'start')).id
    let receipt: Receipt | undefined
    for (let at = 0; at < 8 && receipt?.why === undefined; at++) {
      const [to, name] = at % 2 === 0 ? ['ann', 'bob'] : ['bob', 'ann']
      // The first answer goes to the operator's question only by its re.
      receipt = await sendMessage(test.root, {
        to: at === 0 ? 'operator' : to,
        text: `thanks ${at}`,
        re,
        sender: from(name),
        env: {},
      })
      if (at === 0)
        receipt = await sendMessage(test.root, { to: 'ann', text: 'hi', sender: from('bob'), env: {} })
      re = receipt.id
    }
    expect(receipt).toMatchObject({ why: 'held: hops' })
    expect((await messageView(test.root, re)).hops).toBe(7)
  })

  it('let a message answer only one that went the other way', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    const ann = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    const eve = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-eve') } as const
    const question = await sendMessage(test.root, { to: 'bob', text: 'q', sender: ann, env: {} })
    const forged = await sendMessage(test.root, {
      to: 'ann',
      text: 'a',
      re: question.id,
      sender: eve,
      env: {},
    })
    expect(forged.note).toContain('re was left out')
    expect((await messageView(test.root, forged.id)).re).toBeUndefined()
    expect((await messageView(test.root, question.id)).state).toBe('waiting')
  })
})

describe('a tool call', () => {
  it('that is repeated, or repeats an open message, stores nothing again', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    const sender = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    const call = (callId: string, text: string) =>
      sendMessage(test.root, { to: 'bob', text, callId, sender, env: {} })
    const first = await call('c1', 'hello')
    expect(await call('c1', 'hello')).toMatchObject({ id: first.id, isNew: false })
    expect(await call('c2', 'hello')).toMatchObject({
      id: first.id,
      isNew: false,
      note: expect.stringContaining('already stored'),
    })
    expect(await call('c3', 'other')).toMatchObject({ isNew: true })
    expect(await listInbox(test.root, 'bob')).toHaveLength(2)
  })
})

describe('an attached file', () => {
  it('is copied when the message is stored, so that a later change of it changes nothing', async () => {
    await deafPeer()
    writeFileSync(join(test.path, 'plan.txt'), 'v1')
    const { id } = await send(test.root, 'bob', 'see', { attachments: ['plan.txt'], cwd: test.path })
    writeFileSync(join(test.path, 'plan.txt'), 'v2')
    const [attachment] = (await messageView(test.root, id)).attachments
    expect(readFileSync(attachment?.path ?? '', 'utf8')).toBe('v1')
    expect(statSync(attachment?.path ?? '').mode & 0o777).toBe(0o600)
    expect(attachment).toMatchObject({ source: join(test.path, 'plan.txt'), bytes: 2 })
  })

  it.each([
    ['a missing file', 'missing.txt', 'does not exist'],
    ['a directory', '.', 'not a regular file'],
    ['a key', '.ssh/id_ed25519', 'secrets'],
    ['a link to a key', 'link', 'secrets'],
    ['an environment file', '.env.local', 'secrets'],
    ['an environment file of direnv', '.envrc', 'secrets'],
    ['a key store', 'Server.P12', 'secrets'],
    ['a private key of any name', 'notes.txt', 'private key'],
    ['the state of iapeer', 'root/state/x', 'own state'],
  ])('is refused for %s, and nothing is stored', async (_what, path, why) => {
    await deafPeer()
    mkdirSync(join(test.path, '.ssh'))
    mkdirSync(join(test.root, 'state'), { recursive: true })
    for (const name of ['.ssh/id_ed25519', '.env.local', '.envrc', 'Server.P12', 'root/state/x'])
      writeFileSync(join(test.path, name), 'x')
    writeFileSync(join(test.path, 'notes.txt'), 'a key:\n-----BEGIN EC PRIVATE KEY-----\nMHc\n')
    symlinkSync(join(test.path, '.ssh/id_ed25519'), join(test.path, 'link'))
    const sent = send(test.root, 'bob', 'see', { attachments: [path], cwd: test.path })
    await expect(sent).rejects.toMatchObject({
      code: 'attachment-refused',
      message: expect.stringContaining(why),
    })
    expect(await listInbox(test.root, 'bob')).toEqual([])
  })

  it.each([
    ['a public key', 'id_ed25519.pub', 'ssh-ed25519 AAAA me\n'],
    ['a certificate', 'server.pem', '-----BEGIN CERTIFICATE-----\nMII\n'],
    ['a text about keys', 'keys.md', 'A file with `-----BEGIN PRIVATE KEY-----` is refused.\n'],
    ['a name that only begins alike', 'id_rsa_howto.md', 'x'],
  ])('may be %s', async (_what, name, text) => {
    await deafPeer()
    writeFileSync(join(test.path, name), text)
    const { id } = await send(test.root, 'bob', 'see', { attachments: [name], cwd: test.path })
    expect((await messageView(test.root, id)).attachments).toMatchObject([{ bytes: text.length }])
  })
})

describe('a text', () => {
  it.each([
    ['empty', ' \n ', 'is empty'],
    ['too long', 'x'.repeat(16_001), '16000'],
  ])('that is %s is refused', async (_what, text, why) => {
    await deafPeer()
    await expect(send(test.root, 'bob', text)).rejects.toMatchObject({
      code: 'invalid-message',
      message: expect.stringContaining(why),
    })
  })
})

describe('an ephemeral worker', () => {
  it.runIf(isFullCampaign())(
    'gets one task for each fresh session, in order, and is stopped when the task is closed',
    async () => {
      const path = await recordingPeer()
      await declare('bob', { wake_policy: 'ephemeral' })
      const sent = [await send(test.root, 'bob', 'one'), await send(test.root, 'bob', 'two')]
      const supervisor = new FleetSupervisor(test.root, {
        env: { IAPEER_TICK_SECS: '0.5' },
        onError: (...error) => errors.push(error),
      })
      track(() => supervisor.stop())
      await supervisor.start()
      const done = []
      for (const { id } of sent) done.push(await untilState(test.root, id, 'handled'))
      expect(recorded(path).map(({ text }) => text)).toEqual(['one', 'two'])
      expect(new Set(done.map(({ taken }) => taken?.gen)).size).toBe(2)
      await until(
        'the last session to be stopped',
        async () => (await readSession(test.root, toIdentity('command-bob'))) === undefined,
      )
      expect(test.deaths()).toEqual([])
    },
  )

  it('does not get the answer to the question of a session that has ended', async () => {
    await deafPeer('ann')
    await deafPeer('bob')
    await declare('bob', { wake_policy: 'ephemeral' })
    const bob = {
      kind: 'peer',
      proof: 'bearer',
      identity: toIdentity('command-bob'),
      gen: '0123456789abcdef',
    } as const
    const ann = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    const question = await sendMessage(test.root, { to: 'ann', text: 'q', sender: bob, env: {} })
    const answer = await sendMessage(test.root, {
      to: 'bob',
      text: 'a',
      re: question.id,
      sender: ann,
      env: {},
    })
    await delivery.start()
    expect(await untilState(test.root, answer.id, 'returned')).toMatchObject({
      why: 'the session that asked has ended',
    })
  })
})

describe('a person', () => {
  it.runIf(isFullCampaign())('stops the delivery of one mailbox, and lets it go on', async () => {
    await recordingPeer()
    const box = await mailboxOf(test.root, (await findPeer(test.root, 'bob')) ?? noPeer())
    await pauseMailbox(box)
    await delivery.start()
    const { id } = await send(test.root, 'bob', 'hello')
    const other = join(test.path, 'ann')
    await test.peer([...RECORDING_PEER, other], 'ann')
    await declare('ann', { interfaces: { mail: { way: 'directory' } } })
    await untilState(test.root, (await send(test.root, 'ann', 'hello')).id, 'handled')
    expect((await messageView(test.root, id)).state).toBe('waiting')
    await resumeMailbox(box)
    await untilState(test.root, id, 'handled')
  })

  it('allows messages to start peers again after three have died within a minute', async () => {
    const path = await recordingPeer()
    const ts = new Date().toISOString()
    for (const name of ['x', 'y', 'z']) {
      const identity = toIdentity(`command-${name}`)
      await changeTally(test.root, identity, (tally) => ({
        ...tally,
        endings: [{ gen: '0123456789abcdef', ts, crash: true, death: true }],
      }))
    }
    await delivery.start()
    const { id } = await send(test.root, 'bob', 'hello')
    await until('the starts to be held', async () => (await startsHeldSince(test.root)) !== undefined)
    expect((await messageView(test.root, id)).state).toBe('waiting')
    await releaseStarts(test.root)
    await untilState(test.root, id, 'handled')
    expect(recorded(path)).toHaveLength(1)
  })
})

describe('a message that is with a session when its peer is removed', () => {
  it('is taken if the program had taken it, and returned if not', async () => {
    await deafPeer()
    const sent = [await send(test.root, 'bob', 'one')]
    await delivery.start()
    await untilState(test.root, sent[0]?.id ?? '', 'offered')
    await delivery.stop()
    const ann = { kind: 'peer', proof: 'bearer', identity: toIdentity('command-ann') } as const
    sent.push(await sendMessage(test.root, { to: 'bob', text: 'two', sender: ann, env: {} }))
    const again = newDelivery()
    await again.start()
    await untilState(test.root, sent[1]?.id ?? '', 'offered')
    await again.stop()
    const mail = join(
      (await readSession(test.root, toIdentity('command-bob')))?.mail?.directory ?? '',
      'mail',
    )
    renameSync(join(mail, 'new', `${sent[0]?.id}-1.json`), join(mail, 'taken', `${sent[0]?.id}-1.json`))
    await removeNamed(test.root, 'bob', { force: true, by: 'test' })
    await newDelivery().start()
    await untilState(test.root, sent[0]?.id ?? '', 'handled')
    expect(await untilState(test.root, sent[1]?.id ?? '', 'returned')).toMatchObject({ why: 'removed' })
  })
})

describe('a program that has begun with a message', () => {
  it('keeps it: it is not taken back, and the sender is not told that it was returned', async () => {
    await deafPeer()
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    await untilState(test.root, id, 'offered')
    const place = join(
      (await readSession(test.root, toIdentity('command-bob')))?.mail?.directory ?? '',
      'mail',
    )
    await until('the file', () => existsSync(join(place, 'new', `${id}-1.json`)))
    renameSync(join(place, 'new', `${id}-1.json`), join(place, 'work', `${id}-1.json`))
    expect((await returnMessage(test.root, id, OPERATOR)).isReturned).toBe(false)
    await until('its receipt', async () => (await messageView(test.root, id)).attempt?.accepted === true)
    expect((await messageView(test.root, id)).state).toBe('offered')
    renameSync(join(place, 'work', `${id}-1.json`), join(place, 'taken', `${id}-1.json`))
    expect(await untilState(test.root, id, 'handled')).toMatchObject({ taken: { way: 'directory' } })
  })
})
