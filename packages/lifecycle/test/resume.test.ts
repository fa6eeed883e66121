import { findAgent, resumeRounds } from '@iapeer/dev/agents'
import { describe, expect, it } from 'vitest'
import { EVENTS, type FleetEvent, ResumeFleet } from './resume-fleet.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const [claude, codex] = await Promise.all([findAgent('claude'), findAgent('codex')])
const missing = claude.skipped ?? codex.skipped
if (missing !== undefined) console.warn(`tests of resuming the real agents are skipped: ${missing}`)

/** Of a campaign: see bench/resume-campaign.mjs. */
const campaign = resumeRounds()

/** Returns numbers from 0 to 1, the same ones for each seed. */
function randomBy(from: number): () => number {
  let state = from
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function* plan(): Generator<readonly [event: FleetEvent, at: number]> {
  if (campaign === undefined) {
    yield* [
      ['suspend', 1],
      ['other', 2],
      ['other', 0],
      ['reboot', 0],
    ] as const
    return
  }
  const random = randomBy(campaign.seed)
  for (let round = 0; round < campaign.rounds; round++)
    yield [EVENTS[Math.floor(random() * EVENTS.length)] ?? 'kill', Math.floor(random() * 3)]
}

const OPTIONS = { timeout: 7_200_000, tags: ['claude', 'codex'] }

describe.skipIf(missing !== undefined)('real agents in one directory', OPTIONS, () => {
  it('each get back their very conversation after kills, suspends, stops and a reboot, and never that of another', async () => {
    const fleet = await ResumeFleet.start(newRoot(), {
      claude: claude.program ?? '',
      codex: codex.program ?? '',
    })
    track(() => fleet.stop())
    const counts = new Map<FleetEvent, number>()
    for (const [event, at] of plan()) {
      const from = performance.now()
      await fleet.round(event, at)
      counts.set(event, (counts.get(event) ?? 0) + 1)
      if (campaign !== undefined)
        console.log(`${event} ${at}: ${Math.round(performance.now() - from)} ms ${fleet.problems.join('; ')}`)
    }
    if (campaign !== undefined)
      console.log(JSON.stringify({ problems: fleet.problems, ...Object.fromEntries(counts) }))
    expect(fleet.problems).toEqual([])
  })
})
