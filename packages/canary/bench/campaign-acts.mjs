// What a campaign does to a server, and what must be found on disk afterwards. Each act gets one life of one server and
// says what is true of it: how many records, and the causes that are true (acts that race each other have several).
import { readFileSync } from 'node:fs'
import { completeIntent, declareIntent, dismissCanary, ensureCanary, withdrawIntent } from '../dist/index.js'
import { childProcess, signal, sleep, stateOf } from './support.mjs'

const WATCH = { killed: 'server-vanished', ended: 'signaled-server-gone', swept: 'client-killed-server-gone' }
const target = (life) => ({ identity: life.identity, gen: life.gen, recordDir: life.recordDir })
const words = { by: 'campaign', why: 'teardown' }

const once = (...causes) => ({ records: [1], causes: new Set(causes) })
const silent = { records: [0], causes: new Set() }
const either = (...causes) => ({ records: [0, 1], causes: new Set(causes) })

/** The cause of a signal death as this life's recorder can know it. */
const bySignal = (life, guardCause) => (life.mode === 'guard' ? guardCause : WATCH.killed)
const byEnd = (life, ...guardCauses) => (life.mode === 'guard' ? guardCauses : [WATCH.ended])

/** When a recorder or its client is disturbed, what the client saw may be any of these. */
const anyWatch = Object.values(WATCH)

async function killWith(life, name, cause) {
  signal(life.server, name)
  return once(bySignal(life, cause))
}

/** Watches the same server under another name too. */
async function secondName(life) {
  const identity = `second-n${life.number}`
  const armed = await ensureCanary({ ...target(life), socketPath: life.socketPath, identity })
  const { state, gen } = armed
  if (state !== 'spawned') throw new Error(`not armed: ${JSON.stringify(armed)}`)
  return { ...life, identity, gen }
}

/** Runs a declarer in a process of its own, which can be killed. */
async function declarer(life) {
  const child = childProcess('declare.mjs', target(life))
  await child.line('declared')
  return child
}

export const ACTS = {
  sigkill: (life) => killWith(life, 'SIGKILL', 'killed'),
  sigsegv: (life) => killWith(life, 'SIGSEGV', 'crashed'),
  sigabrt: (life) => killWith(life, 'SIGABRT', 'crashed'),
  async sigterm(life) {
    signal(life.server, 'SIGTERM')
    return once(...byEnd(life, 'exited'))
  },
  async killServer(life) {
    await life.tmux('kill-server')
    return once(...byEnd(life, 'killed-by-command'))
  },
  async lastSession(life) {
    await life.tmux('kill-session', '-t', 'main')
    return once(...byEnd(life, 'killed-by-command'))
  },
  async twoKillers(life, random) {
    const other = sleep(random(10)).then(() => signal(life.server, 'SIGKILL'))
    await Promise.all([life.tmux('kill-server'), other])
    return once(...(life.mode === 'guard' ? ['killed', 'killed-by-command'] : [WATCH.killed, WATCH.ended]))
  },
  async innocentKill(life, random) {
    await life.tmux('new-window', '-d', 'exec sleep 1000')
    await life.tmux('kill-window', '-t', 'main:1')
    await sleep(1_000 + random(100))
    signal(life.server, 'SIGTERM')
    return once(...byEnd(life, 'exited'))
  },
  async stoppedServer(life, random) {
    signal(life.server, 'SIGSTOP')
    await sleep(random(100))
    signal(life.server, 'SIGKILL')
    return once(bySignal(life, 'killed'))
  },
  async sweep(life) {
    const state = stateOf(life)
    if (state.client !== undefined) signal(state.client, 'SIGKILL')
    signal(life.server, 'SIGKILL')
    return once(...(life.mode === 'guard' ? ['killed'] : anyWatch))
  },
  async clientFirst(life, random) {
    const state = stateOf(life)
    if (state.client !== undefined) signal(state.client, random(2) === 0 ? 'SIGKILL' : 'SIGTERM')
    await sleep(random(60))
    signal(life.server, 'SIGKILL')
    return once(...(life.mode === 'guard' ? ['killed'] : anyWatch))
  },
  async recorderAndServer(life, random) {
    signal(stateOf(life).recorder, 'SIGKILL')
    await sleep(random(4))
    signal(life.server, 'SIGKILL')
    return once('recorder-lost', ...anyWatch)
  },
  async serverThenRecorder(life, random) {
    const { recorder } = stateOf(life)
    signal(life.server, 'SIGKILL')
    await sleep(random(8))
    signal(recorder, 'SIGKILL')
    return once('recorder-lost', bySignal(life, 'killed'), ...anyWatch)
  },
  async recorderReplaced(life, random) {
    signal(stateOf(life).recorder, 'SIGKILL')
    await sleep(random(30))
    await Promise.all([ensureCanary(life), ensureCanary(life)])
    signal(life.server, 'SIGKILL')
    return once('recorder-lost', ...anyWatch)
  },
  async stoppedRecorder(life, random) {
    const { recorder } = stateOf(life)
    signal(recorder, 'SIGSTOP')
    signal(life.server, 'SIGKILL')
    await sleep(random(200))
    signal(recorder, 'SIGCONT')
    return once(bySignal(life, 'killed'))
  },
  async teardown(life) {
    await declareIntent({ ...target(life), ...words })
    await life.end()
    await completeIntent(target(life))
    return silent
  },
  async teardownWithStoppedRecorder(life, random) {
    const { recorder } = stateOf(life)
    signal(recorder, 'SIGSTOP')
    await declareIntent({ ...target(life), ...words })
    await life.end()
    await completeIntent(target(life))
    await sleep(random(300))
    signal(recorder, 'SIGCONT')
    return silent
  },
  async teardownWithDeadRecorder(life) {
    const { recorder } = stateOf(life)
    await declareIntent({ ...target(life), ...words })
    signal(recorder, 'SIGKILL')
    await life.end()
    await completeIntent(target(life))
    return silent
  },
  async teardownByTwo(life) {
    const first = await declarer(life)
    await declareIntent({ ...target(life), ...words })
    await life.end()
    await Promise.all([completeIntent(target(life)), first.ask('done', 'done')])
    first.kill()
    return silent
  },
  async teardownThatFails(life, random) {
    await declareIntent({ ...target(life), ...words })
    await sleep(random(30))
    await withdrawIntent(target(life))
    signal(life.server, 'SIGKILL')
    return once(bySignal(life, 'killed'))
  },
  async deadDeclarer(life, random) {
    const child = await declarer(life)
    await child.killed()
    await sleep(random(50))
    signal(life.server, 'SIGKILL')
    return once(bySignal(life, 'killed'))
  },
  async declarerDiesAfterKill(life, random) {
    const child = await declarer(life)
    await life.end()
    await sleep(random(150))
    await child.killed()
    // It depends on whether its recorder has looked while the declarer lived.
    return either('recorder-lost', bySignal(life, 'killed'), ...anyWatch)
  },
  async lateIntent(life) {
    signal(life.server, 'SIGKILL')
    await life.gone()
    const { state } = await declareIntent({ ...target(life), ...words })
    if (state === 'declared') await withdrawIntent(target(life))
    return once('recorder-lost', bySignal(life, 'killed'), ...anyWatch)
  },
  async twoNames(life, random) {
    life.alsoAs = await secondName(life)
    await sleep(random(30))
    signal(life.server, 'SIGKILL')
    return once(bySignal(life, 'killed'), ...anyWatch)
  },
  async twoNamesStopped(life) {
    life.alsoAs = await secondName(life)
    await declareIntent({ ...target(life), ...words })
    await life.end()
    await completeIntent(target(life))
    return silent
  },
  async dismissed(life) {
    const { state } = await dismissCanary(life)
    if (state !== 'dismissed') throw new Error(`not dismissed: ${JSON.stringify(state)}`)
    signal(life.server, 'SIGKILL')
    return silent
  },
}

/** Whether a process of this pid and start time is there and no zombie. */
export function isAlive(pid, token) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return words[0] !== 'Z' && words[0] !== 'X' && words[19] === token
  } catch {
    // Gone, between the look and the read.
    return false
  }
}
