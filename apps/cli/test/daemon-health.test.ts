import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname } from 'node:path'
import { daemonPaths, daemonSocket } from '@iapeer/core/paths'
import { acquireLock, makePrivateDirectory } from '@iapeer/core/storage'
import { asyncCleanups } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { type Home, homes, jsonLines } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

/** Holds the root in this process, and answers each request with this health. */
async function homeWhoseDaemonReports(health: object, httpStatus: number): Promise<Home> {
  const home = newHome()
  await makePrivateDirectory(home.root)
  const { lock: path } = daemonPaths(home.root)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const lock = await acquireLock(path, { limitMs: 0 })
  const answer = JSON.stringify({
    schemaVersion: 1,
    pid: process.pid,
    version: '0.1.0',
    startedAt: '2026-06-10T15:40:00.000Z',
    uptimeMs: 1,
    eventClients: 0,
    canaries: {},
    problems: [],
    ...health,
  })
  const server = createServer((_request, response) => response.writeHead(httpStatus).end(answer))
  server.listen(await daemonSocket(home.root))
  await once(server, 'listening')
  track(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    lock.release()
  })
  return home
}

const NO_DURATIONS = { count: 0, sum: 0, buckets: [] }
const SUPERVISOR = {
  lastSweepAt: '2026-06-10T15:42:07.113Z',
  sweep: NO_DURATIONS,
  tick: NO_DURATIONS,
  record: NO_DURATIONS,
}

describe('a stalled daemon', () => {
  const stalled = () => homeWhoseDaemonReports({ status: 'stalled', supervisor: SUPERVISOR }, 503)

  it('makes daemon status exit with 5, and print since when it is stalled and what to do', async () => {
    const { iapeer } = await stalled()
    const status = await iapeer('daemon', 'status')
    expect(status).toMatchObject({ exitCode: 5, stderr: '' })
    expect(status.stdout).toMatch(
      /^! the daemon is stalled: pid \d+, [\s\S]*last checked the peers \d+ \w+ ago[\s\S]*iapeer daemon restart/,
    )
    expect((await iapeer('daemon', 'status', '--utc')).stdout).toMatch(
      /^! the daemon is stalled: pid \d+, since 20\d\d-[\s\S]*last checked the peers 2026-06-1.* UTC:/,
    )
    const json = await iapeer('daemon', 'status', '--json')
    expect(json.exitCode).toBe(5)
    const { lastSweepAt } = SUPERVISOR
    expect(jsonLines(json.stdout)).toMatchObject([
      { state: 'running', health: 'stalled', pid: process.pid, lastSweepAt, problems: [] },
    ])
  })

  it('is reported by status and doctor', async () => {
    const { iapeer } = await stalled()
    expect((await iapeer('status')).stdout).toMatch(/^! the daemon is stalled: /)
    const doctor = await iapeer('doctor', '--json')
    expect(jsonLines(doctor.stdout)).toContainEqual(
      expect.objectContaining({ id: 'daemon-stalled', level: 'error' }),
    )
    expect(doctor.exitCode).toBe(1)
  })

  it('is not reported as started', async () => {
    const { iapeer } = await stalled()
    expect(await iapeer('daemon', 'start')).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('the daemon is stalled\n  iapeer daemon status'),
    })
  })
})

it('daemon status prints the problems of a degraded daemon and exits with 0', async () => {
  const problems = [{ id: 'disk', what: 'no room on the disk of', where: '/records' }]
  const { iapeer } = await homeWhoseDaemonReports({ status: 'degraded', problems }, 200)
  const status = await iapeer('daemon', 'status')
  expect(status.exitCode).toBe(0)
  expect(status.stdout).toMatch(
    /\n {2}! no room on the disk of \/records\n {2}iapeer doctor explains what to do/,
  )
  expect(jsonLines((await iapeer('daemon', 'status', '--json')).stdout)).toMatchObject([
    { health: 'degraded' },
  ])
})
