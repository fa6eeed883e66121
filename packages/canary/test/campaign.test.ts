import { rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import { runCampaign } from '../bench/campaign.mjs'

const SEED = Number(process.env['IAPEER_CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 1_000_000))

it('a small campaign of accidents and deliberate stops finds no missed, false, duplicate or wrong record and no leftovers', async () => {
  process.stderr.write(`campaign seed ${SEED} (IAPEER_CAMPAIGN_SEED repeats it)\n`)
  const { faults, done, directory } = await runCampaign({ acts: 60, servers: 6, seed: SEED })
  rmSync(directory, { recursive: true, force: true })
  expect(faults).toEqual([])
  expect(done).toBe(60)
}, 120_000)
