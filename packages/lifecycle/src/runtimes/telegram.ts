import { commandRuntime } from './command.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** The adapter of a program that relays the messages of a person's Telegram chat. */
export const telegramRuntime: RuntimeAdapter = {
  ...commandRuntime,
  name: 'telegram',
  kind: 'router',
  requiresIntelligence: 'natural',
}
