/** The next key of the answer to a known dialog. */
export interface PressStep {
  readonly kind: 'press'
  readonly dialog: string
  readonly key: string
  /** The index of the option under the cursor. A cursor key has worked when it changes. -1 if the dialog has no options. */
  readonly cursor: number
}

/**
 * What a screen waits for. `input`: text in its input row. `press`: the next key of the answer to a known dialog. `person`: an
 * answer that only a person can give. `unknown`: none of these.
 */
export type ScreenStep =
  | { readonly kind: 'input' }
  | PressStep
  | { readonly kind: 'person'; readonly dialog: string; readonly hint: string }
  | { readonly kind: 'unknown'; readonly dialog?: string }

/** The meaning of one captured screen. */
export interface ScreenReading {
  readonly step: ScreenStep
  /** The text in the input row, which may be the program's placeholder; undefined without an input row. */
  readonly input: string | undefined
}

/**
 * Reads the captured screens of one runtime. Only readers parse captured text, so that a better source can replace them. Pure.
 */
export interface ScreenReader {
  readonly read: (screen: string) => ScreenReading
  /**
   * Returns the text in the input row that was typed but not sent, without a placeholder. Empty if there is none.
   * @param screen captured with its attributes (`capture-pane -e`)
   */
  readonly draft: (screen: string) => string
}
