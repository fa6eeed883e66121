import { commandRuntime } from './command.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** The adapter of a program that sends messages to peers when something happens. */
export const notifierRuntime: RuntimeAdapter = { ...commandRuntime, name: 'notifier', kind: 'router' }
