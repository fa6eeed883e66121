// Measures the latency of events at 500 clients, beside 20 clients that never read and 100 that connect and disconnect.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

const CLIENTS = 500
const NOT_READING = 20
const RECONNECTING = 100
const EVENTS = 100
const EVERY_MS = 50

async function serve(root) {
  const { runDaemon } = await import('../dist/daemon.js')
  const all = []
  const waiting = new Set()
  async function* follow({ signal }) {
    let at = all.length
    let wake = () => {}
    signal.addEventListener('abort', () => wake(), { once: true })
    while (!signal.aborted) {
      if (at < all.length) yield { cursor: String(at + 1), event: all[at++] }
      else
        await new Promise((resolve) => {
          wake = resolve
          waiting.add(resolve)
        })
    }
  }
  const none = { count: 0, sum: 0, buckets: [] }
  const supervisor = {
    start: async () => {},
    stop: async () => {},
    stats: () => ({ lastSweepAt: new Date().toISOString(), sweep: none, tick: none, record: none }),
  }
  const daemon = await runDaemon({
    root,
    env: {},
    human: false,
    events: { read: async () => [], follow },
    supervisor: () => supervisor,
    runProgram: async () => ({ exitCode: 0 }),
  })
  process.on('message', async (message) => {
    if (message === 'stop') {
      const begun = performance.now()
      await daemon.stop('bench')
      process.send({ stopMs: performance.now() - begun, rss: process.memoryUsage().rss })
      process.disconnect()
      return
    }
    all.push({ at: Date.now(), filler: 'x'.repeat(500) })
    for (const wake of waiting) wake()
    waiting.clear()
  })
  process.send({ socketPath: daemon.socketPath })
}

const percentile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]

function client(socketPath, latencies) {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/v1/events', agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (text) => {
        for (const [, at] of text.matchAll(/"at":(\d+)/g)) latencies.push(Date.now() - Number(at))
      })
      response.on('error', () => {})
      resolve(sent)
    })
    sent.once('error', reject).end()
  })
}

async function measure() {
  const root = mkdtempSync('/tmp/iapb-')
  const child = fork(fileURLToPath(import.meta.url), ['serve', root])
  const next = () => new Promise((resolve) => child.once('message', resolve))
  const { socketPath } = await next()
  const latencies = []
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => client(socketPath, latencies)))
  const stuck = Array.from({ length: NOT_READING }, () => {
    const socket = connect(socketPath).on('error', () => {})
    socket.write('GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n')
    return socket.pause()
  })
  for (let count = 0; count < EVENTS; count++) {
    child.send('event')
    if (count < RECONNECTING)
      client(socketPath, []).then((sent) => setTimeout(() => sent.destroy(), EVERY_MS))
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  const expected = CLIENTS * EVENTS
  latencies.sort((a, b) => a - b)
  child.send('stop')
  const { stopMs, rss } = await next()
  for (const socket of stuck) socket.destroy()
  for (const sent of clients) sent.destroy()
  await new Promise((resolve) => child.once('exit', resolve))
  rmSync(root, { recursive: true, force: true })
  console.log(`${latencies.length} of ${expected} events arrived at ${CLIENTS} clients`)
  console.log(
    `latency: p50 ${percentile(latencies, 0.5)} ms, p99 ${percentile(latencies, 0.99)} ms, most ${latencies.at(-1)} ms`,
  )
  console.log(`memory ${Math.round(rss / 1e6)} MB; stopped within ${Math.round(stopMs)} ms`)
  process.exitCode = latencies.length === expected ? 0 : 1
}

await (process.argv[2] === 'serve' ? serve(process.argv[3]) : measure())
