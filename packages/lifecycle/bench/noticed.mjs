// Measures how soon the supervisor notices a death: with a recorder, without one, and if tmux misses the exit of the agent.
// Usage: node bench/noticed.mjs [times=20]; for comparison, the same run calls has-session for each peer once a second.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createPeer } from '@iapeer/core/registry'
import { FleetSupervisor, launchPeer, listSessions, readEvents, stopPeer } from '../dist/index.js'

const run = promisify(execFile)
const times = Number(process.argv[2] ?? 20)
const directory = mkdtempSync(join(tmpdir(), 'iapn-'))
const root = join(directory, 'r')
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
const report = (what, list) =>
  process.stdout.write(
    `${what.padEnd(44)} median ${median(list).toFixed(0)} ms, slowest ${Math.max(...list).toFixed(0)} ms of ${list.length}\n`,
  )

/** Returns the time from a kill until the event of the supervisor, in milliseconds. */
async function noticed(entry, env, ev) {
  const { session } = await launchPeer(root, entry, { env })
  await sleep(Math.random() * 1_000)
  const killedAt = Date.now()
  process.kill(session.server.pid, 'SIGKILL')
  for (;;) {
    const { events } = await readEvents(root, { since: new Date(killedAt) })
    const event = events.find((one) => one.ev === ev && one.identity === session.identity)
    if (event !== undefined) return Date.parse(event.ts) - killedAt
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
  const supervisor = new FleetSupervisor(root, {
    env: { ...env, IAPEER_CRASHLOOP_MAX: '1000000' },
    onError: (what, error) => console.error(what, error),
  })
  await supervisor.start()
  return supervisor
}
const OFF = { ...process.env, IAPEER_RECORDS: 'off' }
let supervisor
try {
  const entry = await createPeer(root, {
    personality: 'bob',
    defaultRuntime: 'command',
    command: ['sleep', '100000'],
  })
  supervisor = await supervise(process.env)
  const withRecorder = []
  const without = []
  for (let at = 0; at < times; at++) withRecorder.push(await noticed(entry, process.env, 'death'))
  const bySweep = []
  for (let at = 0; at < times; at++) bySweep.push(await recordedByTheSweep(entry))
  await supervisor.stop()
  process.env.IAPEER_RECORDS = 'off'
  supervisor = await supervise(OFF)
  for (let at = 0; at < times; at++) without.push(await noticed(entry, OFF, 'supervise'))
  await supervisor.stop()
  const alternative = []
  for (let at = 0; at < times; at++) alternative.push(await noticedByHasSession(entry))
  report('noticed with a recorder', withRecorder)
  report('recorded if tmux misses the exit', bySweep)
  report('noticed without a recorder', without)
  report('noticed by has-session each second', alternative)
} finally {
  await supervisor?.stop()
  for (const { identity } of await listSessions(root)) await stopPeer(root, identity, { force: true })
  await sleep(500)
  rmSync(directory, { recursive: true, force: true })
}
