// How soon the daemon's supervisor notices a death: with its recorder, without one, and where tmux lost the end of the agent.
// Usage: node bench/noticed.mjs [times=20]; the alternative in the same run is has-session for each peer, once a second.
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
const say = (what, list) =>
  process.stdout.write(
    `${what.padEnd(44)} median ${median(list).toFixed(0)} ms, slowest ${Math.max(...list).toFixed(0)} ms of ${list.length}\n`,
  )

/** From the kill to the event that says that it was noticed. */
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

/** From the kill of an agent whose end tmux does not tell, to the line in exits.log. */
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

/** Who asks each second notices half a second late at best, and starts a process each time. */
async function asked(entry) {
  const { session } = await launchPeer(root, entry, { env: process.env })
  const startedAt = Date.now()
  const delay = Math.random() * 1_000
  await sleep(delay)
  const killedAt = Date.now()
  process.kill(session.server.pid, 'SIGKILL')
  for (let at = startedAt; ; at += 1_000) {
    await sleep(Math.max(0, at - Date.now()))
    if (at < killedAt) continue
    const isUp = await run('tmux', ['-S', session.socketPath, 'has-session', '-t', session.identity]).then(
      () => true,
      () => false,
    )
    if (!isUp) return Date.now() - killedAt
  }
}

const supervise = async (env) => {
  const made = new FleetSupervisor(root, {
    env: { ...env, IAPEER_CRASHLOOP_MAX: '1000000' },
    onError: (what, error) => console.error(what, error),
  })
  await made.start()
  return made
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
  for (let at = 0; at < times; at++) alternative.push(await asked(entry))
  say('noticed with the help of its recorder', withRecorder)
  say('recorded where tmux lost the end', bySweep)
  say('noticed without any', without)
  say('noticed by has-session each second', alternative)
} finally {
  await supervisor?.stop()
  for (const { identity } of await listSessions(root)) await stopPeer(root, identity, { force: true })
  await sleep(500)
  rmSync(directory, { recursive: true, force: true })
}
