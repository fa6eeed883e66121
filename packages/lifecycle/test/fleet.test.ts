import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseIdentity } from '@iapeer/core/identity'
import { type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { FleetSupervisor, launchPeer, listSessions, readEvents, statusOf, stopPeer } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const PEERS = 18
const CONCURRENCY = 4

/** Acts on a few at a time: more launches at once would only wait for each other. */
async function each<T>(list: readonly T[], act: (one: T) => Promise<unknown>): Promise<void> {
  const remaining = list.values()
  const work = async (): Promise<void> => {
    for (const one of remaining) await act(one)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
}

it.runIf(isFullCampaign())(
  'eighteen peers die in every way at once; each gets one verdict and is restarted as its profile says',
  {
    timeout: 120_000,
  },
  async () => {
    const made = newRoot()
    const { root } = made
    const env = { ...process.env, IAPEER_TICK_SECS: '0.5', IAPEER_LAUNCH_PARALLEL: String(CONCURRENCY) }
    const supervisor = new FleetSupervisor(root, {
      env,
      random: () => 0,
    })
    const entries: PeerEntry[] = []
    for (let at = 0; at < PEERS; at++) {
      const name = `p${at}`
      entries.push(await made.peer(['sleep', '1000'], name))
      if (at % 3 !== 0) await updatePeer(root, name, { wakePolicy: 'keep-alive' })
    }
    await each(entries, (entry) => launchPeer(root, entry, { env }))
    await supervisor.start()
    track(() => supervisor.stop())
    const ticks = supervisor.stats().tick.count
    await until('three ticks', () => supervisor.stats().tick.count >= ticks + 3, 30_000)
    expect(made.deaths()).toEqual([])

    const before = await listSessions(root)
    const [stopped, ...victims] = before
    if (stopped === undefined) throw new Error('nothing runs')
    process.kill(stopped.server.pid, 'SIGSTOP')
    try {
      for (const [at, { leader, server }] of victims.entries()) {
        const signal = (['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGABRT'] as const)[at % 4] ?? 'SIGKILL'
        process.kill(at % 2 === 0 ? server.pid : leader.pid, signal)
      }
      await until('every death to be recorded', () => made.deaths().length >= victims.length, 30_000)
      const wanted = victims.filter(({ identity }) => {
        const number = Number(parseIdentity(identity)?.personality.slice(1))
        return number % 3 !== 0
      })
      await until(
        'every keep-alive peer to be restarted',
        async () => {
          const now = new Map((await listSessions(root)).map((session) => [session.identity, session.gen]))
          return wanted.every(({ identity, gen }) => now.has(identity) && now.get(identity) !== gen)
        },
        60_000,
      )
      const notRestarted = victims.filter((session) => !wanted.includes(session))
      for (const { identity } of notRestarted)
        await until(
          `${identity} to count as failed`,
          async () => (await statusOf(root, identity)).state === 'failed',
        )
      const ids = made.deaths().map(({ identity, gen }) => `${identity}-${gen}`)
      expect(ids.sort()).toEqual(victims.map(({ identity, gen }) => `${identity}-${gen}`).sort())
    } finally {
      process.kill(stopped.server.pid, 'SIGCONT')
    }
    const verdicts = await until(
      'every verdict',
      async () => {
        const { events } = await readEvents(root)
        const found = events.filter(({ ev }) => ev === 'verdict')
        return found.length >= victims.length ? found : undefined
      },
      30_000,
    )
    expect(verdicts).toHaveLength(victims.length)
    for (const { verdict } of verdicts)
      expect(['killed-by-signal', 'crashed', 'exited', 'terminated']).toContain(verdict)
    await supervisor.stop()
    await each(await listSessions(root), ({ identity }) => stopPeer(root, identity, { by: 'a test' }))
    expect(made.deaths()).toHaveLength(victims.length)
    expect(existsSync(join(root, 'logs', 'iapeer', 'lifecycle.log'))).toBe(true)
    expect(readFileSync(join(root, 'logs', 'iapeer', 'exits.log'), 'utf8').endsWith('\n')).toBe(true)
  },
)
