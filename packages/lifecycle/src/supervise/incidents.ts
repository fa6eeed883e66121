import { isIdentity } from '@iapeer/core/identity'
import type { JudgedDeath } from '../deaths/index.ts'
import { changeTally, type Tally, withIdentity } from '../sessions/index.ts'
import type { SuperviseSettings } from './settings.ts'
import { isInLoop } from './settle-and-plan.ts'

function withIncident(tally: Tally, gen: string, incident: string, settings: SuperviseSettings): Tally {
  if (!tally.endings.some((one) => one.gen === gen && one.incident === undefined)) return tally
  const endings = tally.endings.map((one) => (one.gen === gen ? { ...one, incident } : one))
  const after = { ...tally, endings }
  return isInLoop(after, settings, new Date()) ? after : { ...after, loopSince: undefined }
}

/**
 * Marks deaths that belong to an incident in the tallies of their peers. An incident has a common cause, so it does not count
 * towards a crash loop.
 */
export async function forgiveIncidents(
  root: string,
  deaths: readonly JudgedDeath[],
  settings: SuperviseSettings,
): Promise<void> {
  for (const { record, incident } of deaths) {
    const { identity, gen } = record
    if (incident === undefined || gen === undefined || !isIdentity(identity)) continue
    await withIdentity(root, identity, () =>
      changeTally(root, identity, (tally) => withIncident(tally, gen, incident.id, settings)),
    )
  }
}
