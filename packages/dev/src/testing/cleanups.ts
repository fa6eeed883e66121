import { afterEach } from 'vitest'

/** Collects clean-up functions. After each test they run in reverse order, all of them even if some fail. */
export function asyncCleanups(): (undo: () => unknown) => void {
  const undos: (() => unknown)[] = []
  afterEach(async () => {
    const failures: unknown[] = []
    for (const undo of undos.splice(0).reverse()) {
      try {
        await undo()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'))
  })
  return (undo) => undos.push(undo)
}
