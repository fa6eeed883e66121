// Measures messages: storing one, from stored to taken, throughput beside a plain paste loop, and the processor time of waiting.
//   node bench/mail.mjs [MESSAGES=100] [IDLE_MAILBOXES=300]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readProfileText, replaceProfileText } from '@iapeer/core/profile'
import { createPeer, findPeer, upsertPeer } from '@iapeer/core/registry'
import { launchPeer, listSessions, MailDelivery, messageView, sendMessage, stopPeer } from '@iapeer/lifecycle'
import { TmuxServer } from '@iapeer/tmux'

const [messages = 100, idle = 300] = process.argv.slice(2).map(Number)
const directory = mkdtempSync(join(tmpdir(), 'iap-bench-'))
const root = join(directory, 'r')
const program = fileURLToPath(new URL('recording-peer.mjs', import.meta.url))
const env = { ...process.env, IAPEER_MAIL_PAIR_PER_MINUTE: '100000', IAPEER_MAIL_PAIR_PER_HOUR: '100000' }
const sender = { kind: 'operator', proof: 'terminal' }
const report = (what, value) => process.stdout.write(`${what.padEnd(60)} ${value}\n`)
const at = (list, part) => [...list].sort((one, other) => one - other)[Math.floor(part * (list.length - 1))]
const ms = (value) => `${value.toFixed(1)} ms`

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

const bob = await peer('bob', [process.execPath, program, join(directory, 'bob.jsonl')], { way: 'directory' })
writeFileSync(join(directory, 'bob.jsonl'), '')
const delivery = new MailDelivery(root, { env, onError: console.error })
try {
  await launchPeer(root, bob, {})
  await delivery.start()
  await sleep(500)

  const [stored, taken] = [[], []]
  for (let nth = 0; nth < 50; nth++) {
    const from = performance.now()
    const { id } = await sendMessage(root, { to: 'bob', text: 'x'.repeat(500), sender, env })
    stored.push(performance.now() - from)
    await closed(id)
    const { history } = await messageView(root, id)
    taken.push(Date.parse(history.find(({ state }) => state === 'taken').at) - Date.parse(history[0].at))
    await sleep(20)
  }
  report('send to stored, p50 / p95', `${ms(at(stored, 0.5))} / ${ms(at(stored, 0.95))}`)
  report('stored to taken by directory, idle, p50 / p95', `${ms(at(taken, 0.5))} / ${ms(at(taken, 0.95))}`)

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
  report('a message, stored and proven to be taken, in a row', ms(perMessage))
  report('a plain paste, which proves nothing', ms(perPaste))
  report('ratio', (perMessage / perPaste).toFixed(2))

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
  report(`processor time of delivery with ${idle} idle mailboxes`, `${(share * 100).toFixed(2)} % of a core`)
} finally {
  await delivery.stop()
  for (const { identity } of await listSessions(root)) await stopPeer(root, identity, { by: 'bench' })
  rmSync(directory, { recursive: true, force: true })
}
