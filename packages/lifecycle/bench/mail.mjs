// Measures messages: storing one, from stored to taken, throughput beside a plain paste loop, and the processor time of waiting.
//   node bench/mail.mjs [--json] [MESSAGES=100] [IDLE_MAILBOXES=300]
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readProfileText, replaceProfileText } from '@iapeer/core/profile'
import { createPeer, findPeer, upsertPeer } from '@iapeer/core/registry'
import { percentile, Results, readArguments } from '@iapeer/dev/bench'
import { launchPeer, listSessions, MailDelivery, messageView, sendMessage, stopPeer } from '@iapeer/lifecycle'
import { TmuxServer } from '@iapeer/tmux'

const [messages = 100, idle = 300] = readArguments().words.map(Number)
const directory = mkdtempSync(join(tmpdir(), 'iap-bench-'))
const root = join(directory, 'r')
const program = fileURLToPath(new URL('recording-peer.mjs', import.meta.url))
const env = { ...process.env, IAPEER_MAIL_PAIR_PER_MINUTE: '100000', IAPEER_MAIL_PAIR_PER_HOUR: '100000' }
const sender = { kind: 'operator', proof: 'terminal' }
const results = new Results()
/** How many messages are sent one by one, each to an idle peer. */
const SINGLY = Math.min(50, messages)

async function peer(name, command, mail) {
  await createPeer(root, { personality: name, defaultRuntime: 'command', command })
  const { home } = await findPeer(root, name)
  const from = await readProfileText(home)
  await replaceProfileText(home, { from, to: JSON.stringify({ ...JSON.parse(from), interfaces: { mail } }) })
  return upsertPeer(root, home)
}

async function closed(id) {
  while ((await messageView(root, id)).state !== 'handled') await sleep(1)
}

/** Measures the processor time of the delivery while many mailboxes have nothing to deliver. */
async function measureIdle() {
  for (let nth = 0; nth < idle; nth++) {
    const entry = await createPeer(root, {
      personality: `p${nth}`,
      defaultRuntime: 'command',
      command: ['true'],
    })
    await sendMessage(root, { to: entry.personality, text: 'x', sender, env, expiresMs: 1 })
  }
  await sleep(5_000)
  const [cpu, wall] = [process.cpuUsage(), performance.now()]
  await sleep(20_000)
  const { user, system } = process.cpuUsage(cpu)
  const share = (user + system) / 1_000 / (performance.now() - wall)
  const what = `processor time of delivery with ${idle} idle mailboxes`
  results.figure('mail.idle', { what, value: share * 100, unit: '% of a core' })
}

const bob = await peer('bob', [process.execPath, program, join(directory, 'bob.jsonl')], { way: 'directory' })
writeFileSync(join(directory, 'bob.jsonl'), '')
const delivery = new MailDelivery(root, { env, onError: console.error })
try {
  await launchPeer(root, bob, {})
  await delivery.start()
  await sleep(500)

  const [stored, taken] = [[], []]
  for (let nth = 0; nth < SINGLY; nth++) {
    const from = performance.now()
    const { id } = await sendMessage(root, { to: 'bob', text: 'x'.repeat(500), sender, env })
    stored.push(performance.now() - from)
    await closed(id)
    const { history } = await messageView(root, id)
    taken.push(Date.parse(history.find(({ state }) => state === 'taken').at) - Date.parse(history[0].at))
    await sleep(20)
  }
  const from = performance.now()
  let last = ''
  for (let nth = 0; nth < messages; nth++)
    last = (await sendMessage(root, { to: 'bob', text: 'x'.repeat(500), sender, env })).id
  await closed(last)
  const perMessage = (performance.now() - from) / messages

  const [{ socketPath, server, paneId }] = await listSessions(root)
  const tmux = new TmuxServer({ socketPath, process: server })
  const pasteFrom = performance.now()
  for (let nth = 0; nth < messages; nth++) {
    await tmux.run(['load-buffer', '-b', 'b', '-'], { input: 'x'.repeat(500) })
    await tmux.run(['paste-buffer', '-d', '-b', 'b', '-t', paneId])
    await tmux.run(['send-keys', '-t', paneId, 'Enter'])
  }
  const perPaste = (performance.now() - pasteFrom) / messages
  const pasted = { what: 'plain paste, which proves nothing', value: perPaste }
  for (const share of [0.5, 0.95]) {
    const of = `p${share * 100}`
    const figure = (id, what, values, beside) =>
      results.figure(`${id}.${of}`, {
        what: `${what}, ${of}`,
        value: percentile(values, share),
        unit: 'ms',
        beside,
        count: SINGLY,
      })
    figure('mail.stored', 'a message is stored', stored, pasted)
    figure('mail.taken', 'stored to taken by an idle peer, by its directory', taken, pasted)
  }
  results.figure('mail.in-a-row', {
    what: 'a message, stored and proven to be taken, in a row',
    value: perMessage,
    unit: 'ms',
    beside: pasted,
    count: messages,
  })
  if (idle > 0) await measureIdle()
  results.print()
} finally {
  await delivery.stop()
  for (const { identity } of await listSessions(root)) await stopPeer(root, identity, { by: 'bench' })
  // A guard whose intent is removed before it has read it would record a death.
  const guards = () => readdirSync(join(root, 'state', 'canary')).length
  for (let nth = 0; nth < 200 && guards() > 0; nth++) await sleep(50)
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
