import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { toIdentity, toPersonality } from '@iapeer/core/identity'
import type { MessageSender } from '@iapeer/core/mailbox'
import { findPeer, renamePeer } from '@iapeer/core/registry'
import { acquireLock } from '@iapeer/core/storage'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FleetSupervisor, pauseMailbox, readSession, removeNamed, statusOf } from '../src/index.ts'
import { mailAdapterOf } from '../src/mail/adapters.ts'
import {
  acknowledge,
  MailDelivery,
  mailboxOf,
  messageView,
  resendMessage,
  returnMessage,
  sendMessage,
} from '../src/mail/index.ts'
import type { Way } from '../src/mail/way.ts'
import { removeSession, writeSession } from '../src/sessions/index.ts'
import { editProfile, OPERATOR, RECORDING_PEER, recorded, send, untilState } from './mail-support.ts'
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

async function peer(name: string, mail: object = {}, command = ['sleep', '1000']): Promise<void> {
  await test.peer(command, name)
  await editProfile(test.root, name, { interfaces: { mail } })
}

const as = (name: string, proof: MessageSender['proof'] = 'bearer'): MessageSender => ({
  ...{ kind: 'peer', proof, identity: toIdentity(`command-${name}`) },
})

async function boxOf(name: string) {
  const entry = await findPeer(test.root, name)
  if (entry === undefined) throw new Error(`no peer ${name}`)
  return mailboxOf(test.root, entry)
}

describe('a message to a peer that was renamed', () => {
  it('is acknowledged by that peer, and not by a new one of the former name', async () => {
    await peer('bob')
    const { id } = await send(test.root, 'bob', 'hello')
    await renamePeer(test.root, 'bob', toPersonality('rob'))
    await peer('bob')
    await expect(acknowledge(test.root, id, as('bob'))).rejects.toMatchObject({ code: 'not-your-message' })
    expect((await messageView(test.root, id)).state).toBe('waiting')
    expect(await acknowledge(test.root, id, as('rob'))).toMatchObject({ state: 'handled' })
  })
})

describe('a sender that only states who it is', () => {
  it('answers nothing, and takes nothing back, for the peer that it names', async () => {
    await peer('ann')
    await peer('bob')
    const sender = as('ann')
    const { id } = await sendMessage(test.root, { to: 'bob', text: 'q', sender, env: {} })
    const forged = await sendMessage(test.root, {
      ...{ to: 'ann', text: 'a', re: id, sender: as('bob', 'none'), env: {} },
    })
    expect(forged.note).toContain('re was left out')
    await expect(returnMessage(test.root, id, as('ann', 'none'))).rejects.toMatchObject({
      code: 'not-your-message',
    })
    expect((await messageView(test.root, id)).state).toBe('waiting')
    expect(await returnMessage(test.root, id, sender)).toMatchObject({ isReturned: true })
  })
})

describe('an answer', () => {
  it('counts also if the message is acknowledged while the answer is stored', async () => {
    await peer('ann')
    await peer('bob')
    const { id } = await sendMessage(test.root, { to: 'bob', text: 'q', sender: as('ann'), env: {} })
    writeFileSync(join(test.path, 'large'), Buffer.alloc(9 * 1024 * 1024))
    const files = join((await boxOf('ann')).directory, 'files')
    const answer = sendMessage(test.root, {
      ...{ to: 'ann', text: 'a', re: id, sender: as('bob'), env: {} },
      ...{ attachments: ['large'], cwd: test.path },
    })
    await until('the copy', () => {
      mkdirSync(files, { recursive: true })
      return readdirSync(files).length > 0
    })
    await acknowledge(test.root, id, as('bob'))
    expect(await messageView(test.root, id)).toMatchObject({ state: 'handled' })
    const { id: answeredBy } = await answer
    expect(await messageView(test.root, id)).toMatchObject({ state: 'answered', answeredBy })
  })
})

describe('an acknowledgement', () => {
  it('that was killed before its last step is completed by the daemon', async () => {
    await peer('bob')
    const { id } = await send(test.root, 'bob', 'hello')
    const box = await boxOf('bob')
    const identity = toIdentity('command-bob')
    const at = new Date().toISOString()
    await box.change(await messageView(test.root, id), {
      ...{ state: 'taken', turn: 'running', attempt: null },
      taken: { identity, gen: '', way: 'pull', n: 1, at, proof: 'acknowledgement' },
    })
    await delivery.start()
    await untilState(test.root, id, 'handled')
  })
})

describe('attached files', () => {
  it('are sent again with their message', async () => {
    await peer('bob')
    writeFileSync(join(test.path, 'plan.txt'), 'v1')
    const { id } = await send(test.root, 'bob', 'see', { attachments: ['plan.txt'], cwd: test.path })
    await returnMessage(test.root, id, OPERATOR)
    const again = await resendMessage(test.root, id, OPERATOR)
    const [copy] = (await messageView(test.root, again.id)).attachments
    expect(readFileSync(copy?.path ?? '', 'utf8')).toBe('v1')
  })

  it('can have long names, also equal ones, and names of many bytes', async () => {
    await peer('bob')
    const names = [`a/${'x'.repeat(220)}`, `b/${'x'.repeat(220)}`, `a/${'漢'.repeat(84)}.a`]
    for (const directory of ['a', 'b']) mkdirSync(join(test.path, directory))
    for (const name of names) writeFileSync(join(test.path, name), name)
    const { id } = await send(test.root, 'bob', 'see', { attachments: names, cwd: test.path })
    const { attachments } = await messageView(test.root, id)
    expect(attachments.map(({ path }) => readFileSync(path, 'utf8'))).toEqual(names)
  })
})

describe('the delivery', () => {
  it.runIf(isFullCampaign())(
    'waits for the socket of a program that listens some time after its start',
    async () => {
      const path = join(test.path, 's')
      await peer('bob', { way: 'socket', socket: path })
      const { id } = await send(test.root, 'bob', 'hello')
      await delivery.start()
      await until('a refused attempt', async () => (await messageView(test.root, id)).attempts > 0)
      const server = createServer((socket) => {
        socket.setEncoding('utf8')
        socket.on('data', (chunk: string) => {
          const { nonce } = JSON.parse(chunk)
          socket.write(`iap-ack ${id} ${[...nonce].reverse().join('')}\n`)
        })
      })
      await new Promise<void>((resolve) => server.listen(path, resolve))
      track(() => server.close())
      await untilState(test.root, id, 'handled')
    },
  )

  it('keeps the order of a sender when a rate holds one of its messages', async () => {
    const path = join(test.path, 'bob.jsonl')
    await peer('bob', { way: 'directory' }, [...RECORDING_PEER, path])
    await peer('ann')
    const from = (text: string, limit: string) =>
      sendMessage(test.root, {
        ...{ to: 'bob', text, sender: as('ann'), env: { IAPEER_MAIL_PAIR_PER_MINUTE: limit } },
      })
    const first = await from('one', '1')
    const held = await from('two', '1')
    const later = await from('three', '100')
    expect(held.why).toBe('held: rate')
    await delivery.start()
    await untilState(test.root, first.id, 'handled')
    await sleep(500)
    expect((await messageView(test.root, later.id)).state).toBe('waiting')
    expect(recorded(path).map(({ text }) => text)).toEqual(['one'])
  })

  it('reads the other messages of a mailbox in which a directory has the name of a message', async () => {
    const path = join(test.path, 'bob.jsonl')
    await peer('bob', { way: 'directory' }, [...RECORDING_PEER, path])
    const { id } = await send(test.root, 'bob', 'hello')
    mkdirSync(join((await boxOf('bob')).directory, 'open', '00000009-m_aaaaaaaaaaaaaaaa.json'))
    await delivery.start()
    await untilState(test.root, id, 'handled')
  })

  it.runIf(isFullCampaign())(
    'lets a mailbox rest for seconds after an unexpected failure, and the others not',
    async () => {
      const paths = ['bob', 'ann'].map((name) => join(test.path, `${name}.jsonl`))
      for (const [nth, name] of ['bob', 'ann'].entries())
        await peer(name, { way: 'directory' }, [...RECORDING_PEER, paths[nth] ?? ''])
      let failures = 0
      let isBroken = true
      const failing = new MailDelivery(test.root, {
        env: {},
        onError: () => failures++,
        adapterOf: (identity) => {
          const adapter = mailAdapterOf(identity)
          const offer = async () => {
            throw new Error('unexpected')
          }
          const isBob = identity === 'command-bob' && isBroken
          return isBob
            ? { ...adapter, ways: (target) => adapter.ways(target).map((way): Way => ({ ...way, offer })) }
            : adapter
        },
      })
      track(() => failing.stop())
      const { id } = await send(test.root, 'bob', 'one')
      await failing.start()
      await until('a failure', () => failures > 0)
      await sleep(2_000)
      await untilState(test.root, (await send(test.root, 'ann', 'two')).id, 'handled')
      expect(failures).toBeLessThan(4)
      isBroken = false
      await untilState(test.root, id, 'handled')
      expect(recorded(paths[0] ?? '').map(({ text }) => text)).toEqual(['one'])
    },
  )

  it.runIf(isFullCampaign())(
    'does not start a program again and again that exits without taking its message',
    async () => {
      const path = join(test.path, 'starts')
      await peer('bob', {}, ['sh', '-c', 'echo started >> "$0"; sleep 0.3', path])
      await send(test.root, 'bob', 'hello')
      const supervisor = new FleetSupervisor(test.root, {
        env: { IAPEER_TICK_SECS: '0.5' },
        onError: (...error) => errors.push(error),
      })
      track(() => supervisor.stop())
      await supervisor.start()
      const starts = (): number => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0)
      await until('two starts', () => starts() === 2)
      await sleep(5_000)
      expect(starts()).toBe(2)
    },
  )

  it('returns what waits for a removed peer, also if another process held the mailbox meanwhile', async () => {
    await peer('bob')
    const { id } = await send(test.root, 'bob', 'hello')
    const lock = await acquireLock(join((await boxOf('bob')).directory, 'lock'))
    await removeNamed(test.root, 'bob', { by: 'test', force: true }).finally(() => lock.release())
    await peer('bob')
    expect((await statusOf(test.root, toIdentity('command-bob'))).state).not.toBe('stopped')
    await delivery.start()
    await untilState(test.root, id, 'returned')
  }, 30_000)

  it.runIf(isFullCampaign())(
    'returns within half a minute what is stored in the mailbox of a removed peer that nothing was open in',
    async () => {
      await peer('ann')
      await peer('bob')
      const [from, to] = [await boxOf('ann'), await boxOf('bob')]
      await pauseMailbox(from)
      const { id } = await send(test.root, 'ann', 'hello')
      await delivery.start()
      await removeNamed(test.root, 'bob', { by: 'test', force: true })
      await sleep(3_000)
      // As by a sender that knew the peer before it was removed.
      const [name = ''] = readdirSync(join(from.directory, 'open'))
      renameSync(join(from.directory, 'open', name), join(to.directory, 'open', name))
      await to.announce()
      await until('its return', async () => (await messageView(test.root, id)).state === 'returned', 40_000)
    },
    60_000,
  )

  it('does not give a message again while the session that has it cannot be found, as during a rename', async () => {
    await peer('bob', { way: 'directory' })
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    await untilState(test.root, id, 'offered')
    const identity = toIdentity('command-bob')
    const session = await readSession(test.root, identity)
    if (session === undefined) throw new Error('the peer does not run')
    await removeSession(test.root, identity)
    // Another message makes it look at the mailbox.
    await send(test.root, 'bob', 'again')
    await sleep(2_000)
    expect(await messageView(test.root, id)).toMatchObject({ state: 'offered', attempt: { n: 1 } })
    await writeSession(test.root, session)
    const mail = join(session.mail?.directory ?? '', 'mail')
    const [name = ''] = readdirSync(join(mail, 'new')).filter((one) => one.endsWith('.json'))
    renameSync(join(mail, 'new', name), join(mail, 'taken', name))
    await untilState(test.root, id, 'handled')
  })

  it('looks for the proof of a message before it returns it because its recipient was removed', async () => {
    await peer('bob', { way: 'directory' })
    const { id } = await send(test.root, 'bob', 'hello')
    await delivery.start()
    await untilState(test.root, id, 'offered')
    const mail = join(
      (await readSession(test.root, toIdentity('command-bob')))?.mail?.directory ?? '',
      'mail',
    )
    const [name = ''] = await until('the file', () => {
      const names = readdirSync(join(mail, 'new')).filter((one) => one.endsWith('.json'))
      return names.length > 0 ? names : undefined
    })
    await delivery.stop()
    renameSync(join(mail, 'new', name), join(mail, 'taken', name))
    await removeNamed(test.root, 'bob', { by: 'test', force: true })
    await newDelivery().start()
    expect(await untilState(test.root, id, 'handled', 'returned')).toMatchObject({ state: 'handled' })
  })
})

it('a rule that names one sender without a list counts', async () => {
  await peer('bob', { refuse: 'ann' })
  await peer('ann')
  const sent = await sendMessage(test.root, { to: 'bob', text: 'x', sender: as('ann'), env: {} })
  expect(sent).toMatchObject({ state: 'returned', why: 'policy' })
})
