import { IapeerError } from '@iapeer/core/errors'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'
import { type Pane, press, tailOf, watchPane } from './pane.ts'
import { typeMessage } from './type-message.ts'

/** A key that was pressed and changed nothing for so long was lost, if it only moves; an Enter may be on its way still. */
const PRESS_AGAIN_MS = 10_000

/** What a screen asks for. */
type Step =
  | { readonly kind: 'ready' | 'logged-out' | 'unknown' }
  | { readonly kind: 'press'; readonly dialog: string; readonly key: string }
  | { readonly kind: 'refused'; readonly dialog: string; readonly refusal: string }

function stepOf(adapter: RuntimeAdapter, screen: string): Step {
  if (adapter.isLoggedOut?.(screen) === true) return { kind: 'logged-out' }
  const shown = adapter.bootDialogKeys(screen)
  if (shown !== undefined) return 'key' in shown ? { kind: 'press', ...shown } : { kind: 'refused', ...shown }
  return { kind: adapter.isInputReady(screen) ? 'ready' : 'unknown' }
}

/** What only a person can do ends the boot at once. @throws IapeerError `not-logged-in`, `boot-refused` */
function refuse(pane: Pane, step: Step, screen: string): void {
  if (step.kind === 'logged-out')
    throw new IapeerError(`it is not logged in. It shows:\n${tailOf(screen)}`, {
      code: 'not-logged-in',
      hint: `Log in first: run ${pane.adapter.name} once in a terminal, as the same user and with the same home.`,
    })
  if (step.kind === 'refused')
    throw new IapeerError(`it asks what only a person can answer (${step.dialog}):\n${tailOf(screen)}`, {
      code: 'boot-refused',
      hint: step.refusal,
    })
}

/**
 * Answers dialogs until the input row shows. Whatever is acted on was seen twice in a row; after a key the dialog must
 * have gone on before the next, or an Enter that comes late answers what it was not meant for.
 */
async function reachInputRow(pane: Pane): Promise<void> {
  const seen: string[] = []
  let last = ''
  let pressed = { step: '', at: 0 }
  const judge = async (screen: string): Promise<true | undefined> => {
    const step = stepOf(pane.adapter, screen)
    const name = JSON.stringify(step)
    const isStable = name === last
    last = name
    if (!isStable) return undefined
    refuse(pane, step, screen)
    if (step.kind === 'ready') return true
    if (step.kind !== 'press') return undefined
    if (!seen.includes(step.dialog)) seen.push(step.dialog)
    const isLate = performance.now() - pressed.at >= PRESS_AGAIN_MS
    if (name === pressed.step && (step.key === 'Enter' || !isLate)) return undefined
    pressed = { step: name, at: performance.now() }
    await press(pane, step.key)
    return undefined
  }
  const dialogs = (): string => (seen.length === 0 ? '' : ` (dialogs so far: ${seen.join(', ')})`)
  await watchPane(pane, () => `waiting for its input row${dialogs()}`, judge)
}

/**
 * Brings a program that has just been started to its input row, and gives it its first message.
 * @throws IapeerError `boot-not-ready`, `boot-refused`, `not-logged-in`, `program-ended`
 */
export async function bootRuntime(pane: Pane, firstMessage: string | undefined): Promise<void> {
  await reachInputRow(pane)
  if (firstMessage !== undefined) await typeMessage(pane, firstMessage)
}
