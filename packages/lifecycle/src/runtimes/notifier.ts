import { commandRuntime } from './command.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** A program that tells peers of things that happen. */
export const notifierRuntime: RuntimeAdapter = { ...commandRuntime, name: 'notifier', kind: 'router' }
