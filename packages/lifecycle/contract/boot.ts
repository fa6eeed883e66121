import { bootStep } from '../src/launch/screen/boot-step.ts'
import type { RuntimeAdapter } from '../src/runtimes/runtime.ts'
import type { ScreenReader } from '../src/runtimes/screen/screen-reader.ts'
import { within } from './claims.ts'
import type { Lab } from './lab.ts'

const BOOT_MS = 60_000
const POLL_MS = 300

/** Returns the screen reader of a runtime. @throws Error if it has none */
export function readerOf({ name, screen }: RuntimeAdapter): ScreenReader {
  if (screen === undefined) throw new Error(`the runtime ${name} has no screen reader`)
  return screen
}

/**
 * Takes a program to its input row as a launch does, one step per poll.
 * @param onDialog called before a key is pressed
 * @throws Error with the screen if the input row does not appear
 */
export async function boot(
  lab: Lab,
  adapter: RuntimeAdapter,
  onDialog: (dialog: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const reader = readerOf(adapter)
  let last = ''
  const isReady = await within(async () => {
    const step = bootStep(reader.read(await lab.screen()), await adapter.report?.(lab.leader))
    const name = JSON.stringify(step)
    const isStable = name === last
    last = name
    if (step.kind === 'press' && isStable) {
      await onDialog(step.dialog)
      await lab.press(step.key)
      last = ''
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    return step.kind === 'ready' && isStable
  }, BOOT_MS)
  if (isReady === undefined) throw new Error(`the input row did not appear:\n${await lab.screen()}`)
}
