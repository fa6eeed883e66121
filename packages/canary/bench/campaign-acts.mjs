// What a campaign does to a server, and what must be on disk afterwards. Each act gets one generation and returns what is
// correct for it: the number of records, and the causes (several, if its steps race).
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { completeIntent, declareIntent, dismissCanary, ensureCanary, withdrawIntent } from '../dist/index.js'
import { childProcess, signal, sleep, stateOf } from './support.mjs'

const WATCH = {
  killed: 'server-vanished',
  exited: 'signaled-server-gone',
  swept: 'client-killed-server-gone',
}
const target = (generation) => ({
  identity: generation.identity,
  gen: generation.gen,
  recordDir: generation.recordDir,
})
const words = { by: 'campaign', why: 'teardown' }

const once = (...causes) => ({ records: [1], causes: new Set(causes) })
const silent = { records: [0], causes: new Set() }
const either = (...causes) => ({ records: [0, 1], causes: new Set(causes) })

/** The cause of a death by signal, as the recorder of this mode sees it. */
const bySignal = (generation, guardCause) => (generation.mode === 'guard' ? guardCause : WATCH.killed)
const byExit = (generation, ...guardCauses) => (generation.mode === 'guard' ? guardCauses : [WATCH.exited])

/** If the recorder or its client is disturbed, the client may see any of these. */
const anyWatch = Object.values(WATCH)

async function killWith(generation, name, cause) {
  signal(generation.server, name)
  return once(bySignal(generation, cause))
}

/** Watches the same server under a second identity. */
async function secondName(generation) {
  const identity = `second-n${generation.number}`
  const armed = await ensureCanary({ ...target(generation), socketPath: generation.socketPath, identity })
  const { state, gen } = armed
  if (state !== 'spawned') throw new Error(`not armed: ${JSON.stringify(armed)}`)
  return { ...generation, identity, gen }
}

/** Declares an intent in another process, which can be killed. */
async function declarer(generation) {
  const child = childProcess('declare.mjs', target(generation))
  await child.line('declared')
  return child
}

const CGROUPS = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']

/** Keeps a process from starting others; returns what lifts that, or undefined where such a limit cannot be set. */
function denyProcesses(pid) {
  const mount = CGROUPS.find((path) => existsSync(`${path}/cgroup.procs`))
  const path = `${mount}/iapc-${process.pid}-${pid}`
  try {
    mkdirSync(path)
    writeFileSync(`${path}/pids.max`, '1')
    writeFileSync(`${path}/cgroup.procs`, String(pid))
  } catch {
    // Not root, no such controller, or the process is gone.
    if (existsSync(path)) rmdirSync(path)
    return undefined
  }
  return async () => {
    writeFileSync(`${path}/pids.max`, 'max')
    for (let round = 0; round < 100; round++) {
      for (const inside of readFileSync(`${path}/cgroup.procs`, 'utf8').split('\n').filter(Boolean)) {
        try {
          writeFileSync(`${mount}/cgroup.procs`, inside)
        } catch {
          // The process exited meanwhile.
        }
      }
      try {
        return rmdirSync(path)
      } catch {
        // A process that is exiting still counts.
        await sleep(20)
      }
    }
  }
}

/** Settings of a person that concern what the recorders use. */
const USER_SETTINGS = [
  ['set-option', '-s', 'exit-empty', 'off'],
  ['set-option', '-s', 'command-alias', 'mine=new-window'],
  ['set-option', '-gw', 'remain-on-exit', 'on'],
  ['set-hook', '-g', 'session-closed', 'display-message closed'],
  ['set-option', '-g', 'default-command', 'exec sh'],
]

export const ACTS = {
  sigkill: (generation) => killWith(generation, 'SIGKILL', 'killed'),
  sigsegv: (generation) => killWith(generation, 'SIGSEGV', 'crashed'),
  sigabrt: (generation) => killWith(generation, 'SIGABRT', 'crashed'),
  async sigterm(generation) {
    signal(generation.server, 'SIGTERM')
    return once(...byExit(generation, 'exited'))
  },
  async killServer(generation) {
    await generation.tmux('kill-server')
    return once(...byExit(generation, 'killed-by-command'))
  },
  async lastSession(generation) {
    await generation.tmux('kill-session', '-t', 'main')
    return once(...byExit(generation, 'killed-by-command'))
  },
  async twoKillers(generation, random) {
    const other = sleep(random(10)).then(() => signal(generation.server, 'SIGKILL'))
    await Promise.all([generation.tmux('kill-server'), other])
    return once(
      ...(generation.mode === 'guard' ? ['killed', 'killed-by-command'] : [WATCH.killed, WATCH.exited]),
    )
  },
  async innocentKill(generation, random) {
    await generation.tmux('new-window', '-d', 'exec sleep 1000')
    await generation.tmux('kill-window', '-t', 'main:1')
    await sleep(1_000 + random(100))
    signal(generation.server, 'SIGTERM')
    return once(...byExit(generation, 'exited'))
  },
  async stoppedServer(generation, random) {
    signal(generation.server, 'SIGSTOP')
    await sleep(random(100))
    signal(generation.server, 'SIGKILL')
    return once(bySignal(generation, 'killed'))
  },
  async sweep(generation) {
    const state = stateOf(generation)
    if (state.client !== undefined) signal(state.client, 'SIGKILL')
    signal(generation.server, 'SIGKILL')
    return once(...(generation.mode === 'guard' ? ['killed'] : anyWatch))
  },
  async clientFirst(generation, random) {
    const state = stateOf(generation)
    if (state.client !== undefined) signal(state.client, random(2) === 0 ? 'SIGKILL' : 'SIGTERM')
    await sleep(random(60))
    signal(generation.server, 'SIGKILL')
    return once(...(generation.mode === 'guard' ? ['killed'] : anyWatch))
  },
  async recorderAndServer(generation, random) {
    signal(stateOf(generation).recorder, 'SIGKILL')
    await sleep(random(4))
    signal(generation.server, 'SIGKILL')
    return once('recorder-lost', ...anyWatch)
  },
  async serverThenRecorder(generation, random) {
    const { recorder } = stateOf(generation)
    signal(generation.server, 'SIGKILL')
    await sleep(random(8))
    signal(recorder, 'SIGKILL')
    return once('recorder-lost', bySignal(generation, 'killed'), ...anyWatch)
  },
  async recorderReplaced(generation, random) {
    signal(stateOf(generation).recorder, 'SIGKILL')
    await sleep(random(30))
    await Promise.all([ensureCanary(generation), ensureCanary(generation)])
    signal(generation.server, 'SIGKILL')
    return once('recorder-lost', ...anyWatch)
  },
  async stoppedRecorder(generation, random) {
    const { recorder } = stateOf(generation)
    signal(recorder, 'SIGSTOP')
    signal(generation.server, 'SIGKILL')
    await sleep(random(200))
    signal(recorder, 'SIGCONT')
    return once(bySignal(generation, 'killed'))
  },
  async teardown(generation) {
    await declareIntent({ ...target(generation), ...words })
    await generation.stop()
    await completeIntent(target(generation))
    return silent
  },
  async teardownWithStoppedRecorder(generation, random) {
    const { recorder } = stateOf(generation)
    signal(recorder, 'SIGSTOP')
    await declareIntent({ ...target(generation), ...words })
    await generation.stop()
    await completeIntent(target(generation))
    await sleep(random(300))
    signal(recorder, 'SIGCONT')
    return silent
  },
  async teardownWithDeadRecorder(generation) {
    const { recorder } = stateOf(generation)
    await declareIntent({ ...target(generation), ...words })
    signal(recorder, 'SIGKILL')
    await generation.stop()
    await completeIntent(target(generation))
    return silent
  },
  async teardownByTwo(generation) {
    const first = await declarer(generation)
    await declareIntent({ ...target(generation), ...words })
    await generation.stop()
    await Promise.all([completeIntent(target(generation)), first.ask('done', 'done')])
    first.kill()
    return silent
  },
  async teardownThatFails(generation, random) {
    await declareIntent({ ...target(generation), ...words })
    await sleep(random(30))
    await withdrawIntent(target(generation))
    signal(generation.server, 'SIGKILL')
    return once(bySignal(generation, 'killed'))
  },
  async deadDeclarer(generation, random) {
    const child = await declarer(generation)
    await child.killed()
    await sleep(random(50))
    signal(generation.server, 'SIGKILL')
    return once(bySignal(generation, 'killed'))
  },
  async declarerDiesAfterKill(generation, random) {
    const child = await declarer(generation)
    await generation.stop()
    await sleep(random(150))
    await child.killed()
    // It depends on whether the recorder read the intent while the declarer was running.
    return either('recorder-lost', bySignal(generation, 'killed'), ...anyWatch)
  },
  async lateIntent(generation) {
    signal(generation.server, 'SIGKILL')
    await generation.gone()
    const { state } = await declareIntent({ ...target(generation), ...words })
    if (state === 'declared') await withdrawIntent(target(generation))
    return once('recorder-lost', bySignal(generation, 'killed'), ...anyWatch)
  },
  async twoNames(generation, random) {
    generation.alsoAs = await secondName(generation)
    await sleep(random(30))
    signal(generation.server, 'SIGKILL')
    return once(bySignal(generation, 'killed'), ...anyWatch)
  },
  async twoNamesStopped(generation) {
    generation.alsoAs = await secondName(generation)
    await declareIntent({ ...target(generation), ...words })
    await generation.stop()
    await completeIntent(target(generation))
    return silent
  },
  async noProcesses(generation, random) {
    const lift = denyProcesses(stateOf(generation).recorder.pid)
    signal(generation.server, 'SIGKILL')
    await generation.gone()
    await sleep(random(400))
    await lift?.()
    return once(bySignal(generation, 'killed'), ...(generation.mode === 'watch' ? anyWatch : []))
  },
  async userSettings(generation, random) {
    await generation.tmux(...USER_SETTINGS[random(USER_SETTINGS.length)])
    if (random(2) === 0) {
      signal(generation.server, 'SIGKILL')
      return once(bySignal(generation, 'killed'))
    }
    await generation.tmux('kill-server')
    // An alias that replaces iapeer's takes the witness away.
    return once(...byExit(generation, 'killed-by-command', 'exited'))
  },
  async dismissed(generation) {
    const { state } = await dismissCanary(generation)
    if (state !== 'dismissed') throw new Error(`not dismissed: ${JSON.stringify(state)}`)
    signal(generation.server, 'SIGKILL')
    return silent
  },
}

/** Returns whether a process with this pid and start time exists and is not a zombie. */
export function isAlive(pid, token) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return words[0] !== 'Z' && words[0] !== 'X' && words[19] === token
  } catch {
    // The process exited between the open and the read.
    return false
  }
}
