import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startGuardedServer } from '@iapeer/canary'
import { toIdentity } from '@iapeer/core/identity'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { asyncCleanups, privateDirectory, serverAt, type TestServer, until } from '@iapeer/dev/testing'
import {
  finishLeader,
  healLostChild,
  type Leader,
  startLeader,
  type TeardownOptions,
  TmuxServer,
  tmuxVersion,
} from '../src/index.ts'

export type Fields = Readonly<Record<string, string>>

const { degraded } = await tmuxVersion()

/** Returns the signal of a leader as its record has it: empty before tmux 3.3, which does not report signals. */
export const reportedSignal = (signal: string): string => (degraded.includes('no-dead-signal') ? '' : signal)

/** A peer that was launched for a test. */
export interface Launched {
  readonly directory: string
  readonly recordDir: string
  readonly identity: string
  readonly gen: string
  readonly leader: Leader
  readonly server: TestServer
  readonly handle: TmuxServer
  /** The options for its teardown. */
  readonly target: TeardownOptions
  /** The lines of exits.log about this generation. */
  readonly deaths: () => Fields[]
  /** Finishes its leader, as the regular check of a session does. */
  readonly finish: (hookMs?: number) => Promise<boolean>
  /** The names of its state files. */
  readonly states: () => string[]
  /** Waits until the generation is settled. @returns its deaths */
  readonly settled: () => Promise<Fields[]>
}

const namesIn = (path: string): string[] => (existsSync(path) ? readdirSync(path) : [])

export function exitLines(recordDir: string): Fields[] {
  const path = join(recordDir, 'exits.log')
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseLogfmt(line).fields)
}

/** Call once per test file. */
export function launches() {
  const track = asyncCleanups()
  const newDirectory = (name = 'r'): string => {
    const made = privateDirectory(name)
    track(made.remove)
    return made.path
  }

  async function launch(
    command: readonly string[],
    options: {
      readonly directory?: string
      readonly identity?: string
      readonly cwd?: string
      readonly tmux?: string
    } = {},
  ): Promise<Launched> {
    const directory = options.directory ?? newDirectory()
    const identity = toIdentity(options.identity ?? 'command-bob')
    const recordDir = join(directory, 'rec')
    const socketPath = join(directory, `${identity}.s`)
    const program = options.tmux === undefined ? {} : { tmux: options.tmux }
    const started = await startGuardedServer({ identity, socketPath, recordDir, ...program })
    const server = serverAt(socketPath, started.server.pid)
    const gen = started.gen ?? ''
    const states = (): string[] =>
      namesIn(join(recordDir, 'state', 'canary')).filter((name) => name.startsWith(`${identity}-${gen}`))
    track(() => until('the guard to finish', () => states().length === 0))
    track(server.end)
    const cwd = options.cwd ?? directory
    const leader = await startLeader({
      ...{ identity, socketPath, server: started, recordDir, cwd, command },
      ...program,
    })
    const process = started.server
    const handle = new TmuxServer({ socketPath, process })
    const deaths = (): Fields[] => exitLines(recordDir).filter((line) => line['gen'] === gen)
    const settled = async (): Promise<Fields[]> => {
      await until('the end to be settled', () => states().length === 0)
      return deaths()
    }
    const target: TeardownOptions = {
      identity,
      gen,
      recordDir,
      socketPath,
      server: process,
      sessionId: leader.sessionId,
      leader: leader.process,
      by: 'a test',
      why: 'to see it end',
    }
    const finish = (hookMs?: number) =>
      finishLeader(
        handle,
        { pid: leader.pid, paneId: leader.paneId, identity, gen, recordDir },
        { ...(hookMs === undefined ? {} : { hookMs }) },
      )
    return {
      directory,
      recordDir,
      identity,
      gen,
      leader,
      server,
      handle,
      target,
      deaths,
      finish,
      states,
      settled,
    }
  }
  return { launch, newDirectory, track }
}

/** Waits for the record of a leader's exit; wakes tmux if it missed the SIGCHLD. */
export async function recorded(peer: Launched) {
  await until("the leader's end to be recorded", async () => {
    await healLostChild(peer.handle.process, peer.leader.pid)
    return peer.deaths().length > 0
  })
  return peer.settled()
}
