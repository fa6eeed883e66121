/** A time range, in epoch milliseconds. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}
