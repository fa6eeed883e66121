import { lastRows, type PressStep } from '../../runtimes/index.ts'
import { type BootStep, bootStep } from './boot-step.ts'
import { draftIn, isAttached, type Pane, press, type ScreenState, screenOf, watchPane } from './pane.ts'
import { holdsMessage, sendInput, type Typed, typeMessage } from './type-message.ts'

/** A key that was pressed and changed nothing for so long was lost, if it only moves; an Enter may be on its way still. */
const PRESS_AGAIN_MS = 10_000

/** A program that reports its state does so within this time after its input row shows; after that its screen counts. */
const REPORT_MS = 1_000

/** What a program shows for so long, and what is not known, is reported while the boot goes on waiting. */
const WAITING_MS = 5_000

/** What keeps a program from its work until a person acts. */
export interface Obstacle {
  /** The last lines of its screen; empty where that could not be read. */
  readonly screen: string
  /** What stands there, where that is known. */
  readonly dialog?: string | undefined
  /** What to do about it. */
  readonly hint?: string | undefined
}

/**
 * The result of a boot. Its first message: there was `none`, it was `given`, or it is `unknown` whether an earlier attempt gave it.
 */
export type Boot =
  | { readonly kind: 'ready'; readonly message: 'none' | 'given' | 'unknown' }
  | { readonly kind: 'blocked'; readonly obstacle: Obstacle }

export interface BootOptions {
  /** Its first message. */
  readonly message: string | undefined
  /** Whether an earlier attempt has begun to type it: it is not typed again. @default false */
  readonly wasTyped?: boolean
  /**
   * Whether a person may use the terminal at the same time. Then the boot does not wait for that person, presses no key while
   * they are attached, and leaves alone what they have typed. @default false
   */
  readonly isShared?: boolean
  /** Called before the message is pasted. */
  readonly onTyping?: () => Promise<void>
  /** Called once, when the program has waited for some seconds for what may be a person. */
  readonly onBlocked?: (obstacle: Obstacle) => Promise<void>
}

/** Where it has come to, and what it showed then. */
interface Reached {
  readonly step: BootStep
  readonly state: ScreenState
}

/** Presses the keys that dialogs ask for: each once, and the next only when the dialog has gone on. */
class Keys {
  readonly #pane: Pane
  #last = { step: '', at: 0 }

  constructor(pane: Pane) {
    this.#pane = pane
  }

  /** Whether the key of a step is still to be pressed. An Enter that comes late would answer what it was not meant for. */
  isDue(step: PressStep): boolean {
    if (JSON.stringify(step) !== this.#last.step) return true
    return step.key !== 'Enter' && performance.now() - this.#last.at >= PRESS_AGAIN_MS
  }

  async press(step: PressStep): Promise<void> {
    this.#last = { step: JSON.stringify(step), at: performance.now() }
    await press(this.#pane, step.key)
  }
}

/** Answers dialogs until the program is ready, or only a person can go on. Whatever is acted on was seen twice in a row. */
async function reachInput(pane: Pane, options: BootOptions): Promise<Reached | Obstacle> {
  const { isShared = false } = options
  let { onBlocked } = options
  const keys = new Keys(pane)
  let last: { readonly name: string; readonly since: number } | undefined
  let dialog: string | undefined
  const { answer, screen } = await watchPane(pane, async (state): Promise<Reached | undefined> => {
    const step = bootStep(state.reading, state.report)
    dialog = 'dialog' in step ? step.dialog : undefined
    const name = JSON.stringify(step)
    if (last?.name !== name) {
      last = { name, since: performance.now() }
      return undefined
    }
    if (step.kind === 'wait') {
      if (isShared) return { step, state }
      const screen = lastRows(state.screen)
      if (screen === '' || performance.now() - last.since < WAITING_MS) return undefined
      await onBlocked?.({ screen, dialog })
      onBlocked = undefined
      return undefined
    }
    if (step.kind === 'person') return { step, state }
    if (step.kind === 'ready') {
      const isSaid = state.report !== undefined || pane.adapter.report === undefined
      return isSaid || performance.now() - last.since >= REPORT_MS ? { step, state } : undefined
    }
    if (!keys.isDue(step)) return undefined
    if (isShared && (await isAttached(pane.handle))) return { step, state }
    await keys.press(step)
    return undefined
  })
  return answer ?? { screen: lastRows(screen ?? ''), dialog }
}

const MESSAGE = 'first message'
/** Why a message was not given, and what to do. */
const NOT_GIVEN = {
  'not-taken': { dialog: MESSAGE, hint: 'It stands in the input row: attach, and send it or clear it.' },
  'not-shown': {
    dialog: MESSAGE,
    hint: 'It did not show in the input row: attach, and see what stands there.',
  },
  'no-input': { dialog: undefined, hint: undefined },
} as const satisfies Record<Exclude<Typed, 'taken'>, Omit<Obstacle, 'screen'>>
const DRAFT = {
  dialog: 'draft',
  hint: 'Text that was not sent stands in the input row: attach, and send it or clear it.',
} as const

async function blockedBy(pane: Pane, why: Omit<Obstacle, 'screen'>): Promise<Boot> {
  return { kind: 'blocked', obstacle: { screen: lastRows(await screenOf(pane)), ...why } }
}

const afterTyping = (pane: Pane, typed: Typed): Boot | Promise<Boot> =>
  typed === 'taken' ? { kind: 'ready', message: 'given' } : blockedBy(pane, NOT_GIVEN[typed])

/** Finishes a message whose typing was cut off: sends it if the input row holds it, and never types it again. */
async function afterCutOff(pane: Pane, message: string, input: string | undefined): Promise<Boot> {
  if (input !== undefined && holdsMessage(input, message))
    return afterTyping(pane, (await sendInput(pane, input)) ? 'taken' : 'not-taken')
  return (await draftIn(pane)) === '' ? { kind: 'ready', message: 'unknown' } : blockedBy(pane, DRAFT)
}

async function giveMessage(pane: Pane, state: ScreenState, options: BootOptions): Promise<Boot> {
  const { message = '', wasTyped = false, isShared = false, onTyping } = options
  if (message.trim() === '') return { kind: 'ready', message: 'none' }
  if (wasTyped) return afterCutOff(pane, message, state.reading.input)
  if (isShared && (await draftIn(pane)) !== '') return blockedBy(pane, DRAFT)
  return afterTyping(pane, await typeMessage(pane, message, onTyping))
}

/**
 * Brings a program from its start to its input row, and gives it its first message, as a person at its terminal would. What
 * only that person can answer is left on the screen.
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
      ? giveMessage(pane, state, options)
      : { kind: 'blocked', obstacle: { screen: lastRows(state.screen), dialog: 'login', hint } }
  }
  const { dialog } = step
  const hint = step.kind === 'person' ? step.hint : undefined
  return { kind: 'blocked', obstacle: { screen: lastRows(state.screen), dialog, hint } }
}
