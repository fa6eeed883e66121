import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canaryStatus, ensureCanary, generationPaths } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcess, parseProcessId } from '@iapeer/core/process'
import { isFullCampaign, startServer, until } from '@iapeer/dev/testing'
import { readEvents } from '@iapeer/lifecycle/eventlog'
import { expect, it } from 'vitest'
import { keepingHook, notificationTests } from './notification-support.ts'
import { post, roots } from './support.ts'

const newRoot = roots()
const { track, running } = notificationTests()

it.runIf(isFullCampaign())(
  'a peer that was given up has recovered after reset and start; a peer that never was in trouble has not',
  async () => {
    const { root, directory, up } = newRoot()
    const notified = keepingHook(root, directory)
    const flag = join(directory, 'repaired')
    const { where } = await up({
      IAPEER_TICK_SECS: '0.5',
      IAPEER_CRASHLOOP_MAX: '1',
      IAPEER_CRASHLOOP_WINDOW_SECS: '4',
      IAPEER_NOTIFY_KINDS: 'gave-up,recovered',
    })
    await running({ root, where }, 'eva')
    await running({ root, where }, 'bob', [
      'sh',
      '-c',
      `[ -e '${flag}' ] && exec sleep 1000; sleep 1; exit 1`,
    ])
    await until('that it was given up', () => notified().some(({ kind }) => kind === 'gave-up'), 25_000)
    writeFileSync(flag, '')
    expect((await post(where, '/v1/peers/bob/reset')).status).toBe(200)
    expect((await post(where, '/v1/peers/bob/start')).status).toBe(200)
    await until('that it has recovered', () => notified().some(({ kind }) => kind === 'recovered'), 25_000)
    expect(notified().map(({ kind, identity }) => [kind, identity])).toEqual([
      ['gave-up', 'command-bob'],
      ['recovered', 'command-bob'],
    ])
    expect(notified()[1]?.summary).toMatch(/^command-bob has recovered: it has run for \d+ s$/)
  },
  60_000,
)

it('a plain watch whose recorder was killed gets another one, and the client of the killed one is stopped', async () => {
  const { root, directory, up } = newRoot()
  const server = await startServer(join(directory, 's'))
  track(server.end)
  const watch = { identity: 'tmux-own', socketPath: server.socketPath, ...rootRecordLocation(root) }
  expect(await ensureCanary(watch)).toMatchObject({ state: 'spawned' })
  await up({ IAPEER_TICK_SECS: '0.5' })
  const armed = async () => {
    const status = await canaryStatus(watch)
    return status.state === 'armed' ? status : undefined
  }
  const first = await until('the watch', armed)
  const { state } = generationPaths({ ...watch, gen: first.gen })
  const client = parseProcessId(/^client=(.*)$/m.exec(readFileSync(state, 'utf8'))?.[1] ?? '')
  if (client === undefined) throw new Error('the watch has no client')
  expect(await observeProcess(client)).toBe('alive')
  process.kill(first.recorderPid, 'SIGKILL')
  const second = await until('another recorder', async () => {
    const now = await armed()
    return now !== undefined && now.recorderPid !== first.recorderPid ? now : undefined
  })
  expect(second.gen).toBe(first.gen)
  await until('the exit of the client', async () => (await observeProcess(client)) === 'gone')
  expect(server.alive()).toBe(true)
  // The daemon notes it once it knows that the recorder runs.
  const noted = await until('the event', async () => {
    const { events } = await readEvents(root, { ev: ['supervise'] })
    const found = events.filter(({ action }) => action === 'canary')
    return found.length > 0 && found
  })
  expect(noted).toMatchObject([{ identity: 'tmux-own', state: 'spawned' }])
}, 60_000)
