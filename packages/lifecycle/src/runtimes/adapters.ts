import { IapeerError } from '@iapeer/core/errors'
import type { Runtime } from '@iapeer/core/identity'
import { claudeRuntime } from './claude.ts'
import { codexRuntime } from './codex.ts'
import { commandRuntime } from './command.ts'
import { notifierRuntime } from './notifier.ts'
import type { RuntimeAdapter } from './runtime.ts'
import { telegramRuntime } from './telegram.ts'

const ADAPTERS: ReadonlyMap<string, RuntimeAdapter> = new Map(
  [commandRuntime, claudeRuntime, codexRuntime, telegramRuntime, notifierRuntime].map((one) => [
    one.name,
    one,
  ]),
)

/** Returns the adapter of a runtime. @throws IapeerError `runtime-unknown` */
export function adapterOf(runtime: Runtime): RuntimeAdapter {
  const adapter = ADAPTERS.get(runtime)
  if (adapter !== undefined) return adapter
  throw new IapeerError(`unknown runtime ${JSON.stringify(runtime)}`, {
    code: 'runtime-unknown',
    hint: `Known runtimes: ${[...ADAPTERS.keys()].join(', ')}.`,
  })
}
