import { join } from 'node:path'
import { toPersonality } from '@iapeer/core/identity'
import { updatePeer } from '@iapeer/core/registry'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { launchPeer, stopPeer } from '../src/index.ts'
import { acknowledge, MailDelivery, messageView, readDeliveryLog, sendMessage } from '../src/mail/index.ts'
import { mailFiles, OPERATOR, RECORDING_PEER, recorded, send, untilState } from './mail-support.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot, track } = roots()

let test: TestRoot
let delivery: MailDelivery
const errors: unknown[] = []

beforeEach(() => {
  test = newRoot()
  errors.length = 0
  delivery = new MailDelivery(test.root, { env: {}, onError: (what, error) => errors.push(what, error) })
  track(() => delivery.stop())
})
afterEach(() => expect(errors).toEqual([]))

async function recordingPeer(name = 'bob'): Promise<{ readonly path: string }> {
  const path = join(test.path, `${name}.jsonl`)
  const { home } = await test.peer([...RECORDING_PEER, path], name)
  await declare(name, { way: 'directory' })
  return { path: path || home }
}

async function declare(name: string, mail: object): Promise<void> {
  const { findPeer, upsertPeer } = await import('@iapeer/core/registry')
  const { replaceProfileText, readProfileText } = await import('@iapeer/core/profile')
  const entry = await findPeer(test.root, name)
  const text = await readProfileText(entry?.home ?? '')
  if (entry === undefined || text === undefined) throw new Error('no profile')
  const to = JSON.stringify({ ...JSON.parse(text), interfaces: { mail } })
  await replaceProfileText(entry.home, { from: text, to })
  await upsertPeer(test.root, entry.home)
}

describe('a message', () => {
  it('is stored without a daemon, starts its recipient when one runs, and is closed when the program has taken it', async () => {
    const { path } = await recordingPeer()
    const receipt = await send(test.root, 'bob', 'hello')
    expect(receipt).toMatchObject({ state: 'waiting', isNew: true })
    await delivery.start()
    const message = await untilState(test.root, receipt.id, 'handled')
    expect(message.history.map(({ state }) => state)).toEqual(['waiting', 'offered', 'taken', 'handled'])
    expect(message.taken).toMatchObject({
      identity: 'command-bob',
      way: 'directory',
      proof: 'acknowledgement',
      n: 1,
    })
    expect(recorded(path)).toEqual([
      expect.objectContaining({ id: receipt.id, text: 'hello', from: 'operator', n: 1 }),
    ])
    expect(await mailFiles(test.root, 'bob', 'open')).toEqual([])
    expect(readDeliveryLog(test.root).map(({ state }) => state)).toEqual([
      'waiting',
      'offered',
      'taken',
      'handled',
    ])
    expect(test.deaths()).toEqual([])
  })
})
