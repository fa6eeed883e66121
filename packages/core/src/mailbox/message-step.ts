import { type HistoryStep, MAIL_LIMITS, type Message, type MessageChange } from './message.ts'

/** Returns a message after a step. */
export function changed(message: Message, change: MessageChange, at: string): Message {
  const { state, attempts = message.attempts, deaths = message.deaths, ...rest } = change
  const fields = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, value === null ? undefined : value]),
  )
  const next: Message = { ...message, ...fields, state, attempts, deaths, step: message.step + 1 }
  return { ...next, history: withStep(next, at) }
}

function withStep(message: Message, at: string): readonly HistoryStep[] {
  const { step, state, why, attempt } = message
  const of = state === 'offered' ? attempt : state === 'taken' ? message.taken : undefined
  const entry: HistoryStep = {
    ...{ step, at, state, ...(why === undefined ? {} : { why }) },
    ...(of === undefined ? {} : { n: of.n, way: of.way, identity: of.identity, gen: of.gen }),
  }
  const [first, ...later] = message.history
  if (first === undefined) return [entry]
  return [first, ...later.slice(-(MAIL_LIMITS.historySteps - 2)), entry]
}
