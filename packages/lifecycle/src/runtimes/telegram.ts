import { commandRuntime } from './command.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** The program that carries the messages of a person's Telegram chat. */
export const telegramRuntime: RuntimeAdapter = {
  ...commandRuntime,
  name: 'telegram',
  kind: 'router',
  requiresIntelligence: 'natural',
}
