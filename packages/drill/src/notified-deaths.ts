import { parseLogfmt } from '@iapeer/core/logfmt'
import { readLog } from '@iapeer/core/storage'

/**
 * Returns the generations whose death was notified more than once, by lifecycle.log: the verdict of a death is logged once, when it is
 * notified. Those that were rotated away are not counted.
 */
export function notifiedTwice(lifecycleLog: string): string[] {
  const counts = new Map<string, number>()
  for (const line of readLog(lifecycleLog).split('\n')) {
    if (!line.includes(' ev=verdict ')) continue
    const { ev, gen } = parseLogfmt(line).fields
    if (ev === 'verdict' && gen !== undefined && gen !== '') counts.set(gen, (counts.get(gen) ?? 0) + 1)
  }
  return [...counts].flatMap(([gen, count]) => (count > 1 ? [gen] : []))
}
