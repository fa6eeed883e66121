/** A known dialog stands there, and this key is the next towards its answer. */
export interface PressStep {
  readonly kind: 'press'
  readonly dialog: string
  readonly key: string
  /** Which option the cursor is on; a key that moves it has worked when this changes. -1 where there are no options. */
  readonly cursor: number
}

/**
 * What a screen asks for. `input`: its input row takes text. `press`: a known dialog stands there, and this key is the next
 * towards its answer. `person`: only a person can answer what stands there. `unknown`: none of these.
 */
export type ScreenStep =
  | { readonly kind: 'input' }
  | PressStep
  | { readonly kind: 'person'; readonly dialog: string; readonly hint: string }
  | { readonly kind: 'unknown'; readonly dialog?: string }

/** What one captured screen says. */
export interface ScreenReading {
  readonly step: ScreenStep
  /** The text in the input row, a placeholder of the program's own too; undefined where no such row shows. */
  readonly input: string | undefined
}

/**
 * Reads the captured screens of one runtime. Nothing else parses captured text, so that a better source can take its place.
 * Pure.
 */
export interface ScreenReader {
  readonly read: (screen: string) => ScreenReading
  /**
   * The text in the input row that is not a placeholder: what a person has typed and not sent. Empty where there is none.
   * @param screen captured with its attributes (`capture-pane -e`)
   */
  readonly draft: (screen: string) => string
}
