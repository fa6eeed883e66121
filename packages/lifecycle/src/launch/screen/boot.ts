import { lastRows, type PressStep } from '../../runtimes/index.ts'
import { type BootStep, bootStep } from './boot-step.ts'
import { type LeftDialogs, withoutLeft } from './dialog-answers.ts'
import { draftIn, isAttached, type Pane, press, type ScreenState, screenOf, watchPane } from './pane.ts'
import { holdsMessage, sendInput, type Typed, typeMessage } from './type-message.ts'

/**
 * After this time without effect a cursor key counts as lost and is pressed again. Enter is never pressed again: it may still
 * arrive.
 */
const PRESS_AGAIN_MS = 10_000

/** How long to wait for the program's own report after its input row appears; after that its screen alone counts. */
const REPORT_MS = 1_000

/** After this time at an unknown screen the launch is reported as blocked, while the boot keeps waiting. */
const UNKNOWN_SCREEN_MS = 5_000

/** Why a program cannot continue until a person acts. */
export interface Obstacle {
  /** The last lines of its screen; empty if the screen could not be read. */
  readonly screen: string
  /** The name of the dialog, if known. */
  readonly dialog?: string | undefined
  /** What the person has to do. */
  readonly hint?: string | undefined
}

/**
 * The result of a boot. `message`: there was `none`, it was sent (`given`), or it is `unknown` whether an earlier attempt sent
 * it.
 */
export type Boot =
  | { readonly kind: 'ready'; readonly message: 'none' | 'given' | 'unknown' }
  | { readonly kind: 'blocked'; readonly obstacle: Obstacle }

/** Options of {@link bootRuntime}. */
export interface BootOptions {
  /** The first message. */
  readonly message: string | undefined
  /** The dialogs that iapeer must not answer. */
  readonly left: LeftDialogs
  /** Whether an earlier attempt has started to type the message. It is then not typed again. @default false */
  readonly wasTyped?: boolean
  /**
   * Whether a person may use the terminal at the same time. The boot then does not wait for a person, presses no key while a
   * client is attached, and does not touch typed text that was not sent. @default false
   */
  readonly isShared?: boolean
  /** Called before the message is pasted. */
  readonly onTyping?: () => Promise<void>
  /** Called once, when the program has been at an unknown screen for {@link UNKNOWN_SCREEN_MS}. */
  readonly onBlocked?: (obstacle: Obstacle) => Promise<void>
}

/** The step that ended the wait, and the screen at that moment. */
interface Reached {
  readonly step: BootStep
  readonly state: ScreenState
}

/** Presses the keys that dialogs need: each key once, and the next one only after the dialog has changed. */
class Keys {
  readonly #pane: Pane
  #last = { step: '', at: 0 }

  constructor(pane: Pane) {
    this.#pane = pane
  }

  /** Returns whether the key of a step has still to be pressed. A second Enter might arrive late and answer the next dialog. */
  isDue(step: PressStep): boolean {
    if (JSON.stringify(step) !== this.#last.step) return true
    return step.key !== 'Enter' && performance.now() - this.#last.at >= PRESS_AGAIN_MS
  }

  async press(step: PressStep): Promise<void> {
    this.#last = { step: JSON.stringify(step), at: performance.now() }
    await press(this.#pane, step.key)
  }
}

/** Answers dialogs until the program is ready or needs a person. Acts only on a step that was seen twice in a row. */
async function reachInput(pane: Pane, options: BootOptions): Promise<Reached | Obstacle> {
  const { isShared = false } = options
  let { onBlocked } = options
  const keys = new Keys(pane)
  let last: { readonly name: string; readonly since: number } | undefined
  let dialog: string | undefined
  const { answer, screen } = await watchPane(pane, async (state): Promise<Reached | undefined> => {
    const step = withoutLeft(bootStep(state.reading, state.report), options.left)
    dialog = 'dialog' in step ? step.dialog : undefined
    const name = JSON.stringify(step)
    if (last?.name !== name) {
      last = { name, since: performance.now() }
      return undefined
    }
    if (step.kind === 'wait') {
      if (isShared) return { step, state }
      const screen = lastRows(state.screen)
      if (screen === '' || performance.now() - last.since < UNKNOWN_SCREEN_MS) return undefined
      await onBlocked?.({ screen, dialog })
      onBlocked = undefined
      return undefined
    }
    if (step.kind === 'person') return { step, state }
    if (step.kind === 'ready') {
      const isConfirmed = state.report !== undefined || pane.adapter.report === undefined
      return isConfirmed || performance.now() - last.since >= REPORT_MS ? { step, state } : undefined
    }
    if (!keys.isDue(step)) return undefined
    if (isShared && (await isAttached(pane.handle))) return { step, state }
    await keys.press(step)
    return undefined
  })
  return answer ?? { screen: lastRows(screen ?? ''), dialog }
}

const MESSAGE = 'first message'
/** For each failure to send the first message: the name and hint of the obstacle. */
const NOT_GIVEN = {
  'not-taken': { dialog: MESSAGE, hint: 'The message is in the input row: attach, then send or clear it.' },
  'not-shown': {
    dialog: MESSAGE,
    hint: 'The message did not appear in the input row: attach and check the screen.',
  },
  'no-input': { dialog: undefined, hint: undefined },
} as const satisfies Record<Exclude<Typed, 'taken'>, Omit<Obstacle, 'screen'>>
const DRAFT = {
  dialog: 'draft',
  hint: 'The input row contains text that was not sent: attach, then send or clear it.',
} as const

async function blockedBy(pane: Pane, why: Omit<Obstacle, 'screen'>): Promise<Boot> {
  return { kind: 'blocked', obstacle: { screen: lastRows(await screenOf(pane)), ...why } }
}

const afterTyping = (pane: Pane, typed: Typed): Boot | Promise<Boot> =>
  typed === 'taken' ? { kind: 'ready', message: 'given' } : blockedBy(pane, NOT_GIVEN[typed])

/** Handles a message whose typing was interrupted: sends it if it is in the input row, and never types it again. */
async function afterInterruptedTyping(pane: Pane, message: string, input: string | undefined): Promise<Boot> {
  if (input !== undefined && holdsMessage(input, message))
    return afterTyping(pane, (await sendInput(pane, input)) ? 'taken' : 'not-taken')
  return (await draftIn(pane)) === '' ? { kind: 'ready', message: 'unknown' } : blockedBy(pane, DRAFT)
}

async function sendFirstMessage(pane: Pane, state: ScreenState, options: BootOptions): Promise<Boot> {
  const { message = '', wasTyped = false, isShared = false, onTyping } = options
  if (message.trim() === '') return { kind: 'ready', message: 'none' }
  if (wasTyped) return afterInterruptedTyping(pane, message, state.reading.input)
  if (isShared && (await draftIn(pane)) !== '') return blockedBy(pane, DRAFT)
  return afterTyping(pane, await typeMessage(pane, message, onTyping))
}

/**
 * Takes a program from its start to its input row and sends the first message, as a person at the terminal would. Leaves a
 * dialog that only a person can answer on the screen.
 * @throws IapeerError `program-ended`, `interrupted`
 */
export async function bootRuntime(pane: Pane, options: BootOptions): Promise<Boot> {
  const reached = await reachInput(pane, options)
  if (!('step' in reached)) return { kind: 'blocked', obstacle: reached }
  const { step, state } = reached
  if (step.kind === 'ready') {
    const { leader, adapter } = pane
    const hint = leader === undefined ? undefined : await adapter.missingLogin?.(leader)
    return hint === undefined
      ? sendFirstMessage(pane, state, options)
      : { kind: 'blocked', obstacle: { screen: lastRows(state.screen), dialog: 'login', hint } }
  }
  const { dialog } = step
  const hint = step.kind === 'person' ? step.hint : undefined
  return { kind: 'blocked', obstacle: { screen: lastRows(state.screen), dialog, hint } }
}
