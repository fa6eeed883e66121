import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { asyncCleanups, isFullCampaign, privateDirectory, until } from '@iapeer/dev/testing'
import { ANSWERS } from '@iapeer/protocol/routes'
import { describe, expect, it } from 'vitest'
import { type Daemon, type DaemonOptions, runDaemon } from '../src/daemon.ts'
import { MemoryEvents, NotingSupervisor, testOptions } from './memory-fleet.ts'
import { ask, post } from './support.ts'

const track = asyncCleanups()

async function newDaemon(
  options: Partial<DaemonOptions> = {},
): Promise<Daemon & { readonly events: MemoryEvents }> {
  const directory = privateDirectory()
  track(directory.remove)
  const events = new MemoryEvents()
  const daemon = await runDaemon({ ...testOptions(join(directory.path, 'root')), events, ...options })
  track(() => daemon.stop('the test is over'))
  return { ...daemon, events }
}

interface Follower {
  readonly text: () => string
  readonly ids: () => string[]
  readonly ended: () => boolean
  readonly response: IncomingMessage
  readonly request: ClientRequest
}

function follow(socketPath: string, headers: Record<string, string> = {}, query = ''): Promise<Follower> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: `/v1/events${query}`, headers, agent: false }, (response) => {
      let text = ''
      let ended = false
      let lookedAt = 0
      const seen: string[] = []
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const end = (): void => {
        ended = true
      }
      response.once('end', end).once('error', end).once('close', end)
      const ids = (): string[] => {
        const whole = text.lastIndexOf('\n') + 1
        for (const [, id = ''] of text.slice(lookedAt, whole).matchAll(/^id: (.*)$/gm)) seen.push(id)
        lookedAt = whole
        return seen
      }
      resolve({ text: () => text, ids, ended: () => ended, response, request: sent })
    })
    sent.once('error', reject).end()
    track(() => sent.destroy())
  })
}

/** Connects a client that requests the events and never reads them. */
function stuckClient(socketPath: string): Promise<{ destroyed: () => boolean }> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => {
      socket.write('GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n')
      resolve({ destroyed: () => socket.destroyed })
    })
    socket.pause()
    socket.once('error', reject)
    track(() => socket.destroy())
  })
}

describe('the events', () => {
  it('arrive as they happen, and a client resumes after the last event it has seen', async () => {
    const { socketPath, events } = await newDaemon()
    const first = await follow(socketPath)
    expect(first.response.headers['content-type']).toBe('text/event-stream')
    await until('it to follow', () => events.following === 1)
    events.push({ ev: 'wake', text: 'one\ntwo' })
    events.push({ ev: 'wake' })
    await until('two events', () => first.ids().length === 2)
    expect(first.text()).toContain('id: 1\ndata: {"ev":"wake","text":"one\\ntwo"}\n\nid: 2\n')
    first.request.destroy()
    await until('the client to be removed', () => events.following === 0)
    events.push({ ev: 'verdict' })
    const resumed = await follow(socketPath, { 'last-event-id': '1' })
    await until('what it missed', () => resumed.ids().length === 2)
    expect(resumed.ids()).toEqual(['2', '3'])
    const asked = await follow(socketPath, {}, '?cursor=2')
    await until('the third', () => asked.ids().join() === '3')
    events.push({ ev: 'intent' })
    await until('the fourth', () => asked.ids().length === 2 && resumed.ids().length === 3)
    const read = await ask({ socketPath }, '/v1/events', { headers: { accept: 'application/json' } })
    expect(ANSWERS.Events.parse(read.json()).events).toHaveLength(4)
    const head = await ask({ socketPath }, '/v1/events', { method: 'HEAD' })
    expect([head.status, head.headers['content-type'], events.following]).toEqual([
      200,
      'text/event-stream',
      2,
    ])
  })

  it('end with an error event if the stream fails, and the daemon keeps running', async () => {
    const events = new MemoryEvents()
    events.follow = () => {
      throw new Error('a secret of ours')
    }
    const failing = await newDaemon({ events })
    expect((await ask({ socketPath: failing.socketPath }, '/v1/events')).status).toBe(500)
    const broken = new MemoryEvents()
    broken.follow = async function* () {
      yield { cursor: '1', event: {} }
      throw new Error('a secret of ours')
    }
    const { socketPath } = await newDaemon({ events: broken })
    const { text } = await ask({ socketPath }, '/v1/events')
    expect(text).toMatch(/id: 1\ndata: \{\}\n\nevent: error\ndata: \{"error":\{"code":"internal"/)
    expect(text).not.toMatch(/secret/)
    expect((await ask({ socketPath }, '/healthz')).status).toBe(200)
  })

  it('include heartbeats while nothing happens', async () => {
    const { socketPath } = await newDaemon({ sse: { heartbeatMs: 20 } })
    const follower = await follow(socketPath)
    await until('two heartbeats', () => follower.text().split(': heartbeat\n\n').length > 2)
  })

  it.runIf(isFullCampaign())(
    'reach 100 clients while other clients do not read or disconnect; those are dropped and removed',
    async () => {
      const { socketPath, events } = await newDaemon({ sse: { stuckMs: 3_000 } })
      const good = await Promise.all(Array.from({ length: 100 }, () => follow(socketPath)))
      const stuck = await Promise.all(Array.from({ length: 10 }, () => stuckClient(socketPath)))
      const leavers = await Promise.all(Array.from({ length: 20 }, () => follow(socketPath)))
      await until('all to follow', () => events.following === 130)
      for (const { request: sent } of leavers) sent.destroy()
      await until('the disconnected clients to be removed', () => events.following === 110)
      const filler = 'x'.repeat(10_000)
      for (let count = 0; count < 80; count++) events.push({ filler })
      const all = Array.from({ length: 80 }, (_none, at) => String(at + 1))
      await until(
        'every event at every good client',
        () => good.every(({ ids }) => ids().length === 80),
        20_000,
      )
      for (const { ids } of good) expect(ids()).toEqual(all)
      await until('the clients that do not read to be dropped', () => events.following === 100)
      expect(stuck).toHaveLength(10)
      const health = ANSWERS.Health.parse((await ask({ socketPath }, '/healthz')).json())
      expect(health.eventClients).toBe(100)
      expect((await ask({ socketPath }, '/metrics')).text).toMatch(
        /^iapeerd_event_clients\{state="dropped"\} 10$/m,
      )
    },
  )

  it('are sent to a limited number of clients', async () => {
    const { socketPath, events } = await newDaemon({ sse: { clients: 3 } })
    const [first] = await Promise.all([1, 2, 3].map(() => follow(socketPath)))
    const refused = await ask({ socketPath }, '/v1/events')
    expect(refused).toMatchObject({ status: 503 })
    expect(ANSWERS.Error.parse(refused.json()).error.code).toBe('too-many-clients')
    first?.request.destroy()
    await until('a place', () => events.following === 2)
    await follow(socketPath)
    await until('the third', () => events.following === 3)
  })

  it.runIf(isFullCampaign())('end in time when the daemon stops', async () => {
    const { socketPath, events, stop } = await newDaemon()
    const followers = await Promise.all(Array.from({ length: 20 }, () => follow(socketPath)))
    await stuckClient(socketPath)
    await until('all to follow', () => events.following === 21)
    const begun = performance.now()
    await stop('a test')
    expect(performance.now() - begun).toBeLessThan(5_000)
    await until('the ends', () => followers.every(({ ended }) => ended()))
    await until('all to be freed', () => events.following === 0)
  })
})

describe('a supervisor', () => {
  it('is started and stopped with the daemon, and its statistics are in the metrics and the health', async () => {
    const supervisor = new NotingSupervisor()
    const { socketPath, stop } = await newDaemon({ supervisor: () => supervisor })
    const where = { socketPath }
    expect((await post(where, '/v1/peers/unknown/wake')).status).toBe(404)
    const { createPeer } = await import('@iapeer/core/registry')
    const { toPersonality, toRuntime } = await import('@iapeer/core/identity')
    const root = join(socketPath, '..', '..')
    await createPeer(root, {
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime('command'),
      command: ['sleep', '1000'],
    })
    const woken = ANSWERS.Result.parse((await post(where, '/v1/peers/bob/wake', { topic: 'mail' })).json())
    expect(woken).toMatchObject({ action: 'wake', peer: 'bob', outcome: { state: 'woken', mode: 'fresh' } })
    const again = await post(where, '/v1/peers/bob/wake', { from: 'human' })
    expect(again.json()).toMatchObject({ outcome: { state: 'live' } })
    expect((await post(where, '/v1/peers/bob/refresh')).json()).toMatchObject({
      outcome: { state: 'refreshed' },
    })
    expect((await post(where, '/v1/peers/bob/reset')).json()).toMatchObject({ outcome: { state: 'no-loop' } })
    expect((await post(where, '/v1/peers/bob/stop')).status).toBe(200)
    expect((await post(where, '/v1/peers/bob/wake')).json()).toMatchObject({
      error: { code: 'wake-refused' },
    })
    supervisor.sweep.observe(0.002)
    supervisor.sweep.observe(70)
    supervisor.deaths['killed'] = 3
    supervisor.usage.push({
      ...{ identity: toIdentity('claude-bob'), gen: undefined, atMs: 0, cpuPercent: undefined },
      ...{ memoryBytes: 2_048, peakBytes: 4_096, cpuMs: 1_500, tasks: 9 },
    })
    const { text } = await ask(where, '/metrics')
    expect(text).toMatch(/^# TYPE iapeer_sweep_seconds histogram$/m)
    expect(text).toMatch(/^iapeer_sweep_seconds_bucket\{le="0.0025"\} 1$/m)
    expect(text).toMatch(/^iapeer_sweep_seconds_bucket\{le="\+Inf"\} 2$/m)
    expect(text).toMatch(/^iapeer_sweep_seconds_count 2$/m)
    expect(text).toMatch(/^# TYPE iapeer_deaths_total counter$/m)
    expect(text).toMatch(/^iapeer_deaths_total\{cause="killed"\} 3$/m)
    expect(text).toMatch(/^iapeer_peer_memory_bytes\{identity="claude-bob"\} 2048$/m)
    expect(text).toMatch(/^iapeer_peer_cpu_seconds_total\{identity="claude-bob"\} 1.5$/m)
    expect(text).toMatch(/^iapeer_peer_tasks\{identity="claude-bob"\} 9$/m)
    // Whole lines, each metric described once.
    expect(text.endsWith('\n')).toBe(true)
    const described = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
    expect(new Set(described).size).toBe(described.length)
    const health = await ask(where, '/healthz')
    expect(ANSWERS.Health.parse(health.json())).toEqual(health.json())
    await stop('a test')
    expect(supervisor.asked).toEqual(['start', 'stop'])
  })
})
