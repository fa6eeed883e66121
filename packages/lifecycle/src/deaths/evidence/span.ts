/** From one moment to another, in epoch milliseconds. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}
