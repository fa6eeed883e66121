import { IapeerError } from '@iapeer/core/errors'
import type { Runtime } from '@iapeer/core/identity'
import { commandRuntime } from './command.ts'
import type { RuntimeAdapter } from './runtime.ts'

const ADAPTERS: ReadonlyMap<string, RuntimeAdapter> = new Map([[commandRuntime.name, commandRuntime]])

/** @throws IapeerError `runtime-unknown` */
export function adapterOf(runtime: Runtime): RuntimeAdapter {
  const adapter = ADAPTERS.get(runtime)
  if (adapter !== undefined) return adapter
  throw new IapeerError(`iapeer cannot launch the runtime ${runtime}`, {
    code: 'runtime-unknown',
    hint: `It can launch: ${[...ADAPTERS.keys()].join(', ')}.`,
  })
}
