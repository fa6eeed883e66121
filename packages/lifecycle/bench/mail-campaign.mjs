// Sends messages of 1 to 16,000 characters to a program that records them, kills the daemon meanwhile, and checks that each arrived
// once, unchanged and in order. Then a hundred senders write to one peer that does not run.
//   node bench/mail-campaign.mjs [MESSAGES] [KILLS] [SEED]
// Exit code 1 if anything is lost, repeated, changed or out of order.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readProfileText, replaceProfileText } from '@iapeer/core/profile'
import { createPeer, findPeer, upsertPeer } from '@iapeer/core/registry'
import { stopNamed } from '@iapeer/lifecycle/fleet'
import { listInbox, sendMessage } from '@iapeer/lifecycle/mail'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { randomBy, textOf } from './mail-texts.mjs'

const [count = 1_000, kills = 20, seed = 4711] = process.argv.slice(2).map(Number)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const daemonMain = here('../../../apps/daemon/dist/main.js')
const directory = mkdtempSync(join(tmpdir(), 'iap-mail-'))
const root = join(directory, 'r')
const random = randomBy(seed)
const limits = { IAPEER_MAIL_PAIR_PER_MINUTE: '100000', IAPEER_MAIL_PAIR_PER_HOUR: '100000' }
const env = { ...process.env, ...limits, IAPEER_ROOT: root }
const problems = []

let daemon
function startDaemon() {
  daemon = spawn(process.execPath, [daemonMain, '--root', root, '--foreground'], { env, stdio: 'ignore' })
}
async function killDaemon() {
  const gone = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGKILL')
  await gone
}

async function recordingPeer(name) {
  const file = join(directory, `${name}.jsonl`)
  writeFileSync(file, '')
  await createPeer(root, {
    personality: name,
    defaultRuntime: 'command',
    command: [process.execPath, here('recording-peer.mjs'), file],
  })
  const { home } = await findPeer(root, name)
  const from = await readProfileText(home)
  await replaceProfileText(home, {
    from,
    to: JSON.stringify({ ...JSON.parse(from), interfaces: { mail: { way: 'directory' } } }),
  })
  await upsertPeer(root, home)
  return file
}

const linesOf = (file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

async function until(what, test, limitMs) {
  const end = Date.now() + limitMs
  while (!(await test())) {
    if (Date.now() > end) {
      problems.push(`not within ${limitMs / 1_000} s: ${what}`)
      return
    }
    await sleep(50)
  }
}

async function manyMessages() {
  const file = await recordingPeer('bob')
  startDaemon()
  const sent = []
  const from = performance.now()
  const killAt = new Set(
    Array.from({ length: kills }, (_none, at) => Math.floor(((at + 1) * count) / (kills + 1))),
  )
  for (let at = 0; at < count; at++) {
    const length = random() < 0.05 ? 16_000 : 1 + Math.floor(random() ** 3 * 15_999)
    const text = textOf(random, length)
    const { id } = await sendMessage(root, {
      to: 'bob',
      text,
      sender: { kind: 'operator', proof: 'terminal' },
      env,
    })
    sent.push({ id, text })
    if (killAt.has(at)) {
      await killDaemon()
      startDaemon()
    }
  }
  const storedMs = performance.now() - from
  await until('every message is taken', async () => linesOf(file).length >= count, 300_000)
  const takenMs = performance.now() - from
  await until('every message is closed', async () => (await listInbox(root, 'bob')).length === 0, 30_000)
  const got = linesOf(file)
  const ids = got.map(({ id }) => id)
  const lost = sent.filter(({ id }) => !ids.includes(id)).length
  const repeated = ids.length - new Set(ids).size
  const changed = got.filter(({ id, text }) => sent.find((one) => one.id === id)?.text !== text).length
  const order = JSON.stringify(ids) === JSON.stringify(sent.map(({ id }) => id)) ? 0 : 1
  const all = await listInbox(root, 'bob', { all: true })
  const states = [...new Set(all.map(({ state }) => state))].map(
    (state) => `${state} ${all.filter((one) => one.state === state).length}`,
  )
  const again = all.filter(({ attempts }) => attempts > 1).length
  console.log(
    `${count} messages, daemon killed ${kills} times: lost ${lost}, repeated ${repeated}, changed ${changed}, order broken ${order}`,
  )
  console.log(`  states: ${states.join(', ')}; attempts repeated for ${again}`)
  console.log(
    `  stored in ${(storedMs / 1_000).toFixed(1)} s (${(storedMs / count).toFixed(1)} ms each), all taken after ${(takenMs / 1_000).toFixed(1)} s`,
  )
  if (lost + repeated + changed + order > 0)
    problems.push('messages were lost, repeated, changed or out of order')
}

async function manySenders() {
  const file = await recordingPeer('sue')
  const senders = Array.from({ length: 100 }, (_none, at) => `s${at}`)
  await Promise.all(
    senders.map((name) =>
      sendMessage(root, {
        to: 'sue',
        text: `from ${name}`,
        sender: { kind: 'peer', proof: 'bearer', identity: `command-${name}` },
        env,
      }),
    ),
  )
  await until('a hundred messages are taken', async () => linesOf(file).length >= 100, 60_000)
  const launches = readFileSync(join(root, 'logs/iapeer/lifecycle.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('ev=launch') && line.includes('command-sue')).length
  const got = linesOf(file)
  console.log(`100 senders to a peer that did not run: ${got.length} taken, ${launches} launch`)
  if (got.length !== 100 || launches !== 1) problems.push('the hundred senders')
}

try {
  await manyMessages()
  await manySenders()
} finally {
  for (const { identity } of await listSessions(root))
    await stopNamed(root, identity, { by: 'the campaign', force: true })
  await killDaemon()
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
for (const problem of problems) console.log(`WRONG: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1
