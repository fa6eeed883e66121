import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { fieldsOf, parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

/** The last deliveries of a channel. Times are ISO-8601 UTC. */
export interface LastDeliveries {
  /** When the last notification was delivered. */
  readonly deliveredAt?: string | undefined
  /** When the last delivery failed, and why: one line without secrets. */
  readonly failure?: { readonly at: string; readonly why: string } | undefined
}

/** The result of one delivery. */
export interface DeliveryNote {
  readonly channel: string
  readonly ok: boolean
  /** The answer, or why it failed: one line without secrets. */
  readonly answer: string
}

/** Written by the daemon alone, after each round of deliveries. */
const pathOf = (root: string): string => join(rootLayout(root).lifecycleStateDir, 'deliveries.json')

function parseLast(value: unknown): LastDeliveries {
  const { deliveredAt, failure } = fieldsOf(value)
  const { at, why } = fieldsOf(failure)
  const [failedAt, reason] = [text(at), text(why)]
  return {
    deliveredAt: text(deliveredAt),
    failure: failedAt === undefined || reason === undefined ? undefined : { at: failedAt, why: reason },
  }
}

/** Returns the last deliveries by channel; empty where none is noted, or the file cannot be parsed. */
export async function lastDeliveries(root: string): Promise<ReadonlyMap<string, LastDeliveries>> {
  const found = await readRegularFile(pathOf(root))
  const fields = found === undefined ? undefined : parseFields(found.text)
  return new Map(Object.entries(fields ?? {}).map(([channel, value]) => [channel, parseLast(value)]))
}

/** Returns whether the last delivery of a channel failed. */
export const isFailing = ({ deliveredAt, failure }: LastDeliveries): boolean =>
  failure !== undefined && (deliveredAt === undefined || deliveredAt < failure.at)

/** Notes the results of deliveries. A disk that cannot be written loses the note, not the delivery. */
export async function noteDeliveries(root: string, notes: readonly DeliveryNote[], now: Date): Promise<void> {
  if (notes.length === 0) return
  try {
    const last = new Map(await lastDeliveries(root))
    const at = now.toISOString()
    for (const { channel, ok, answer } of notes) {
      const before = last.get(channel) ?? {}
      last.set(channel, ok ? { ...before, deliveredAt: at } : { ...before, failure: { at, why: answer } })
    }
    await replaceFile(pathOf(root), `${JSON.stringify(Object.fromEntries(last))}\n`)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}
