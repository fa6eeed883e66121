import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isFullCampaign, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { KINDS, runDrill } from '../src/index.ts'
import { closeSite, openSite } from '../src/site.ts'

const daemonProgram = fileURLToPath(new URL('../../../apps/daemon/dist/main.js', import.meta.url))
const SEED = Number(process.env['IAPEER_CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 1_000_000))
const COUNT = isFullCampaign() ? 3 * KINDS.length : 10
const places = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('iapeer-drill-'))

it('a drill with messages, of every kind in a full run, finds nothing wrong, and leaves nothing', async () => {
  process.stderr.write(`drill seed ${SEED} (IAPEER_CAMPAIGN_SEED repeats it)\n`)
  const before = places()
  const result = await runDrill({ daemonProgram, count: COUNT, concurrency: 4, seed: SEED, mail: true })
  expect(result.findings).toEqual([])
  expect(result).toMatchObject({
    done: COUNT,
    isControlRed: true,
    isInterrupted: false,
    directory: undefined,
  })
  expect([...result.control.values()]).toEqual([['missed'], ['false-record']])
  const skipped = result.skipped.map(({ name }) => name)
  const possible = KINDS.map(({ name }) => name).filter((name) => !skipped.includes(name))
  const done = result.kinds.map(({ name }) => name)
  expect(done).toEqual(possible.filter((name) => done.includes(name)))
  expect(done).toHaveLength(Math.min(COUNT, possible.length))
  expect(places()).toEqual(before)
}, 240_000)

it('acts that kill the daemon at the same time wait for a start in progress', async () => {
  const place = privateDirectory()
  const directory = join(place.path, 'site')
  const site = await openSite({ daemonProgram, directory, concurrency: 2, hasMail: false })
  let starts = true
  const starting = site.daemon.start().finally(() => {
    starts = false
  })
  const kills: Promise<void>[] = []
  while (starts) {
    kills.push(site.daemon.kill())
    await sleep(20)
  }
  await expect(starting).resolves.toBeUndefined()
  await Promise.all(kills)
  await Promise.all([site.daemon.kill(), site.daemon.start(), site.daemon.kill(), site.daemon.start()])
  expect(await closeSite(site, false)).toEqual([])
  await place.remove()
}, 60_000)

it('an unknown kind is refused before anything is started', async () => {
  const before = places()
  await expect(
    runDrill({ daemonProgram, count: 1, concurrency: 1, seed: 1, kinds: ['stop', 'meteor'] }),
  ).rejects.toMatchObject({ code: 'usage', message: 'no such kind: meteor' })
  expect(places()).toEqual(before)
})

it('a drill that needs more than half of the memory or processes is refused, and says what is possible', async () => {
  await expect(runDrill({ daemonProgram, count: 1, concurrency: 1_000_000, seed: 1 })).rejects.toMatchObject({
    code: 'drill-too-large',
    hint: expect.stringMatching(/^Use --concurrency \d+ or less/),
  })
})

it('a drill whose files need more than half of the disk is refused, and says what is possible', async () => {
  await expect(
    runDrill({ daemonProgram, count: 1_000_000_000, concurrency: 1, seed: 1 }),
  ).rejects.toMatchObject({
    code: 'drill-too-large',
    message: expect.stringContaining('free space'),
    hint: expect.stringMatching(/^Use --count \d+ or less, or set TMPDIR/),
  })
})

it('the daemon that a drill needs is built', () => {
  expect(existsSync(daemonProgram)).toBe(true)
})
