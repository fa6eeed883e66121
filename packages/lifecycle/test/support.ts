import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { createPeer, type PeerEntry } from '@iapeer/core/registry'
import { asyncCleanups, privateDirectory, serverAt, until } from '@iapeer/dev/testing'
import { listSessions } from '../src/index.ts'

/** A private root for a test. */
export interface TestRoot {
  /** The directory that contains the root. */
  readonly path: string
  readonly root: string
  /** Creates a peer. @param name @default bob @param runtime @default command */
  readonly peer: (command: readonly string[], name?: string, runtime?: string) => Promise<PeerEntry>
  /** Returns the fields of each line of exits.log. */
  readonly deaths: () => Readonly<Record<string, string>>[]
}

/** Returns functions that create private roots and clean up after each test. Call once per test file. */
export function roots() {
  const track = asyncCleanups()
  function newRoot(): TestRoot {
    const directory = privateDirectory()
    const root = join(directory.path, 'root')
    const states = join(root, 'state', 'canary')
    track(directory.remove)
    track(() => until('the guards to finish', () => !existsSync(states) || readdirSync(states).length === 0))
    track(async () => {
      for (const { socketPath, server } of await listSessions(root))
        await serverAt(socketPath, server.pid).end()
    })
    const deaths = () => {
      const path = join(root, 'logs', 'iapeer', 'exits.log')
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
      return lines.filter((line) => line !== '').map((line) => parseLogfmt(line).fields)
    }
    const peer = (command: readonly string[], name = 'bob', runtime = 'command') =>
      createPeer(root, { personality: toPersonality(name), defaultRuntime: toRuntime(runtime), command })
    return { path: directory.path, root, peer, deaths }
  }
  return { track, newRoot }
}
