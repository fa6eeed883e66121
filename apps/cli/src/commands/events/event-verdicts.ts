import { iapeerRoot } from '@iapeer/core/paths'
import { judgeAmong } from '@iapeer/lifecycle/deaths'
import type { RecordedEvent } from '@iapeer/lifecycle/eventlog'
import { readDeaths } from '../deaths/death-records.ts'

/** Returns the generation in the id of a death, which stays the same if the peer is renamed. */
const genOf = (id: string): string => id.slice(-16)

/** Returns the events, those of a death with its verdict, so that they have the word that `iapeer deaths` prints. */
export async function withVerdicts(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
  const gens = new Set(
    events.flatMap(({ ev, ...of }) => (ev === 'death' ? [genOf(String(of['id'] ?? ''))] : [])),
  )
  if (gens.size === 0) return events
  const judged = await judgeAmong(iapeerRoot(), await readDeaths(), ({ id }) => gens.has(genOf(id)))
  const verdicts = new Map(judged.map((death) => [genOf(death.record.id), death.judged.verdict]))
  return events.map((event) =>
    event.ev === 'death' ? { ...event, verdict: verdicts.get(genOf(String(event['id'] ?? ''))) } : event,
  )
}
