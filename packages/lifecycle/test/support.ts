import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { createPeer, type PeerEntry } from '@iapeer/core/registry'
import { asyncCleanups, privateDirectory, serverAt, until } from '@iapeer/dev/testing'
import { listSessions } from '../src/index.ts'

/** A root of its own for a test. */
export interface TestRoot {
  /** The directory that holds it. */
  readonly path: string
  readonly root: string
  readonly peer: (command: readonly string[], name?: string, runtime?: string) => Promise<PeerEntry>
  /** The lines of exits.log. */
  readonly deaths: () => Readonly<Record<string, string>>[]
}

/** Call once per test file. */
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
