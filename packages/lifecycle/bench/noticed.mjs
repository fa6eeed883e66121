// Measures how soon the supervisor notices a death, and when its notification arrives at a web hook: with a recorder, without one, and if
// tmux misses the exit of the agent.
// Usage: node bench/noticed.mjs [--json] [times=20]; for comparison, the same run calls has-session for each peer once a second.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createPeer } from '@iapeer/core/registry'
import { median, Results, readArguments } from '@iapeer/dev/bench'
import { FleetSupervisor, launchPeer, listSessions, readEvents, stopPeer } from '../dist/index.js'

const run = promisify(execFile)
const times = Number(readArguments().words[0] ?? 20)
const directory = mkdtempSync(join(tmpdir(), 'iapn-'))
const root = join(directory, 'r')
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const results = new Results()

/** Receives the notifications, and notes when. */
const received = []
const hook = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text) => {
    body += text
  })
  request.once('end', () => {
    received.push({ at: Date.now(), body })
    response.end()
  })
})

/** Returns the time from a kill until its notification has arrived, in milliseconds. */
async function notified({ identity, killedAt }) {
  for (;;) {
    const found = received.find(({ at, body }) => at > killedAt && body.includes(identity))
    if (found !== undefined) return found.at - killedAt
    if (Date.now() - killedAt > 30_000) throw new Error('not notified within 30 s')
    await sleep(10)
  }
}

/** Returns the time from a kill until the event of the supervisor, in milliseconds, and until the notification if `isNotified`. */
async function noticed(entry, env, { ev, isNotified = false }) {
  const { session } = await launchPeer(root, entry, { env })
  await sleep(Math.random() * 1_000)
  const killedAt = Date.now()
  process.kill(session.server.pid, 'SIGKILL')
  for (;;) {
    const { events } = await readEvents(root, { since: new Date(killedAt) })
    const event = events.find((one) => one.ev === ev && one.identity === session.identity)
    if (event !== undefined) {
      const noticedMs = Date.parse(event.ts) - killedAt
      return { noticedMs, notifiedMs: isNotified ? await notified({ ...session, killedAt }) : undefined }
    }
    if (Date.now() - killedAt > 10_000) throw new Error('not noticed within 10 s')
    await sleep(10)
  }
}

/** Returns the time from the kill of an agent, whose exit tmux does not report, until the line in exits.log, in milliseconds. */
async function recordedByTheSweep(entry) {
  const { session } = await launchPeer(root, entry, { env: process.env })
  const tmux = ['-S', session.socketPath, 'set-hook', '-u', '-p', '-t', session.paneId, 'pane-died']
  await run('tmux', tmux)
  await sleep(Math.random() * 1_000)
  const killedAt = Date.now()
  process.kill(session.leader.pid, 'SIGKILL')
  const log = join(root, 'logs', 'iapeer', 'exits.log')
  for (;;) {
    if (readFileSync(log, 'utf8').includes(`gen=${session.gen}`)) return Date.now() - killedAt
    if (Date.now() - killedAt > 10_000) throw new Error('not recorded within 10 s')
    await sleep(5)
  }
}

/** Returns the time from a kill until has-session, called once a second, fails, in milliseconds. */
async function noticedByHasSession(entry) {
  const { session } = await launchPeer(root, entry, { env: process.env })
  const startedAt = Date.now()
  const delay = Math.random() * 1_000
  await sleep(delay)
  const killedAt = Date.now()
  process.kill(session.server.pid, 'SIGKILL')
  for (let at = startedAt; ; at += 1_000) {
    await sleep(Math.max(0, at - Date.now()))
    if (at < killedAt) continue
    const isRunning = await run('tmux', [
      '-S',
      session.socketPath,
      'has-session',
      '-t',
      session.identity,
    ]).then(
      () => true,
      () => false,
    )
    if (!isRunning) return Date.now() - killedAt
  }
}

const supervise = async (env) => {
  const url = `json+http://127.0.0.1:${hook.address().port}/`
  const notify = { IAPEER_NOTIFY: 'off', IAPEER_NOTIFY_URLS: url, IAPEER_NOTIFY_KINDS: 'death' }
  const supervisor = new FleetSupervisor(root, {
    env: { ...env, ...notify, IAPEER_CRASHLOOP_MAX: '1000000' },
    onError: (what, error) => console.error(what, error),
  })
  await supervisor.start()
  return supervisor
}
const OFF = { ...process.env, IAPEER_RECORDS: 'off' }
let supervisor
try {
  hook.listen(0, '127.0.0.1')
  await once(hook, 'listening')
  const entry = await createPeer(root, {
    personality: 'bob',
    defaultRuntime: 'command',
    command: ['sleep', '100000'],
  })
  supervisor = await supervise(process.env)
  const withRecorder = []
  for (let at = 0; at < times; at++)
    withRecorder.push(await noticed(entry, process.env, { ev: 'death', isNotified: true }))
  const bySweep = []
  for (let at = 0; at < times; at++) bySweep.push(await recordedByTheSweep(entry))
  await supervisor.stop()
  process.env.IAPEER_RECORDS = 'off'
  supervisor = await supervise(OFF)
  const without = []
  for (let at = 0; at < times; at++) without.push(await noticed(entry, OFF, { ev: 'supervise' }))
  await supervisor.stop()
  const alternative = []
  for (let at = 0; at < times; at++) alternative.push(await noticedByHasSession(entry))
  const report = (id, what, values) => {
    for (const [part, of] of [
      ['p50', median],
      ['slowest', (list) => Math.max(...list)],
    ])
      results.figure(`${id}.${part}`, {
        what: `${what}, ${part}`,
        value: of(values),
        unit: 'ms',
        beside: { what: 'has-session each second', value: of(alternative) },
        count: times,
      })
  }
  const noticedMs = (list) => list.map((one) => one.noticedMs)
  report('noticed.recorded', 'death to the event of the supervisor', noticedMs(withRecorder))
  const notifiedMs = withRecorder.map((one) => one.notifiedMs)
  report('notified.web-hook', 'death to the notification at a web hook', notifiedMs)
  report('noticed.missed-by-tmux', 'exit that tmux misses, to its record', bySweep)
  report('noticed.no-recorder', 'death without a recorder, to the event', noticedMs(without))
  results.note(
    'A notification waits 5 s for the other deaths of its incident, so that one cause is one message with one verdict.',
  )
  results.print()
} finally {
  await supervisor?.stop()
  for (const { identity } of await listSessions(root)) await stopPeer(root, identity, { force: true })
  hook.close()
  await sleep(500)
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
