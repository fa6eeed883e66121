import { setTimeout as sleep } from 'node:timers/promises'
import { type RecordedServer, tmuxOn } from '../../servers/recorded-server.ts'
import { byExit, bySignal, once, type RecorderAct, signal, WATCH } from './act.ts'

const killWith =
  (name: NodeJS.Signals, cause: string): RecorderAct =>
  async (recorded) => {
    await signal(recorded, name)
    return once(bySignal(recorded, cause))
  }

type Setting = readonly string[]

/** Settings of a person that concern what the recorders use. */
const USER_SETTINGS: readonly [Setting, ...Setting[]] = [
  ['set-option', '-s', 'exit-empty', 'off'],
  ['set-option', '-s', 'command-alias', 'mine=new-window'],
  ['set-option', '-gw', 'remain-on-exit', 'on'],
  ['set-hook', '-g', 'session-closed', 'display-message closed'],
  ['set-option', '-g', 'default-command', 'exec sh'],
]

/** How long a server lives after a command that killed only a window: the witness of that command must not explain its exit. */
const INNOCENT_MS = 1_000

const killedByCommand = (recorded: RecordedServer) => once(...byExit(recorded, 'killed-by-command'))

/** Servers that are killed, and servers that exit. */
export const SERVER_ACTS = {
  sigkill: killWith('SIGKILL', 'killed'),
  sigsegv: killWith('SIGSEGV', 'crashed'),
  sigabrt: killWith('SIGABRT', 'crashed'),
  sigterm: async (recorded) => {
    await signal(recorded, 'SIGTERM')
    return once(...byExit(recorded, 'exited'))
  },
  killServer: async (recorded) => {
    await tmuxOn(recorded, 'kill-server')
    return killedByCommand(recorded)
  },
  lastSession: async (recorded) => {
    await tmuxOn(recorded, 'kill-session', '-t', recorded.identity)
    return killedByCommand(recorded)
  },
  twoKillers: async (recorded, random) => {
    const other = sleep(random.below(10)).then(() => signal(recorded, 'SIGKILL'))
    await Promise.all([tmuxOn(recorded, 'kill-server'), other])
    return once(
      ...(recorded.mode === 'guard' ? ['killed', 'killed-by-command'] : [WATCH.killed, WATCH.exited]),
    )
  },
  innocentKill: async (recorded, random) => {
    await tmuxOn(recorded, 'new-window', '-d', 'exec sleep 1000')
    await tmuxOn(recorded, 'kill-window', '-t', `${recorded.identity}:1`)
    await sleep(INNOCENT_MS + random.below(100))
    await signal(recorded, 'SIGTERM')
    return once(...byExit(recorded, 'exited'))
  },
  stoppedServer: async (recorded, random) => {
    await signal(recorded, 'SIGSTOP')
    await sleep(random.below(100))
    await signal(recorded, 'SIGKILL')
    return once(bySignal(recorded, 'killed'))
  },
  userSettings: async (recorded, random) => {
    await tmuxOn(recorded, ...random.pick(USER_SETTINGS))
    if (random.below(2) === 0) {
      await signal(recorded, 'SIGKILL')
      return once(bySignal(recorded, 'killed'))
    }
    await tmuxOn(recorded, 'kill-server')
    // An alias that replaces iapeer's takes the witness away.
    return once(...byExit(recorded, 'killed-by-command', 'exited'))
  },
} satisfies Record<string, RecorderAct>
