import { afterEach } from 'vitest'

/** Collects what a test must undo; run after each test, the last first. */
export function asyncCleanups(): (undo: () => unknown) => void {
  const undos: (() => unknown)[] = []
  afterEach(async () => {
    for (const undo of undos.splice(0).reverse()) await undo()
  })
  return (undo) => undos.push(undo)
}
