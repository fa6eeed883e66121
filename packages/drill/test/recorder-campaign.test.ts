import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordPaths } from '@iapeer/canary'
import { observeProcess } from '@iapeer/core/process'
import { asyncCleanups } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { once, type RecorderAct, silent } from '../src/recorder/acts/act.ts'
import { RECORDER_ACTS } from '../src/recorder/acts/recorders.ts'
import { SERVER_ACTS } from '../src/recorder/acts/servers.ts'
import { inBothModes, RECORDER_KINDS, runRecorderCampaign } from '../src/recorder/index.ts'
import { leftFiles } from '../src/recorder/left-files.ts'
import { startPlainServer } from '../src/servers/plain-server.ts'
import { endServerSite, openServerSite, removeServerSite } from '../src/servers/site.ts'

const SEED = Number(process.env['IAPEER_CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 1_000_000))
const ACTS = RECORDER_KINDS.length
const track = asyncCleanups()

it('a campaign with every act in both modes finds no missed, false, duplicate or wrong record and no leftovers', async () => {
  process.stderr.write(`campaign seed ${SEED} (IAPEER_CAMPAIGN_SEED repeats it)\n`)
  const result = await runRecorderCampaign({ acts: ACTS, servers: 6, seed: SEED })
  expect(result).toMatchObject({ findings: [], done: ACTS, directory: undefined })
  expect(Object.values(result.counts)).toEqual(Array.from({ length: ACTS / 2 }, () => 2))
}, 120_000)

it('a campaign that expects the wrong record, none or one too many reports it, and keeps the files', async () => {
  const expecting =
    (act: RecorderAct, { expected }: typeof silent): RecorderAct =>
    async (recorded, random) => ({ ...(await act(recorded, random)), expected })
  const kinds = [
    ...inBothModes('cause', expecting(SERVER_ACTS.sigkill, once('crashed'))),
    ...inBothModes('none', expecting(SERVER_ACTS.sigkill, silent)),
    ...inBothModes('one', expecting(RECORDER_ACTS.dismissed, once('killed'))),
    ...inBothModes('thrown', () => Promise.reject(new Error('the act failed'))),
  ]
  const { findings, directory = '' } = await runRecorderCampaign({ acts: 8, servers: 4, seed: 1, kinds })
  track(() => rmSync(directory, { recursive: true }))
  const found = findings.map(({ act, kind }) => `${act}: ${kind}`)
  expect([...new Set(found)].toSorted()).toEqual([
    ...['cause: wrong-cause', 'none: false-record', 'one: missed', 'thrown: failed'],
  ])
  expect(existsSync(join(directory, 'records', 'exits.log'))).toBe(true)
}, 60_000)

it('a process and a file that are left at the end are reported, and the process is killed', async () => {
  const site = await openServerSite('iapeer-test-')
  const socketPath = join(site.directory, 'a.sock')
  const server = await startPlainServer({ socketPath, processes: site.processes })
  writeFileSync(join(recordPaths(site.location).deathsDir, 'command-a.part'), '')
  expect(await endServerSite(site)).toEqual([`process ${server.pid} was still running`])
  expect(await leftFiles(site)).toEqual(['file command-a.part is left'])
  await expect.poll(() => observeProcess(server)).toBe('gone')
  expect(await removeServerSite(site)).toEqual([])
})
