/** What {@link IapeerError} carries besides its message. */
export interface IapeerErrorDetails {
  /** Stable word a program can match on, e.g. `socket-path-too-long`. */
  readonly code: string
  /** What the person can do next, one sentence. */
  readonly hint?: string
  /** The error that led to it. */
  readonly cause?: unknown
}

/** Every error iapeer throws on purpose: match on `code`, never on the message. */
export class IapeerError extends Error {
  override readonly name: string = 'IapeerError'
  readonly code: string
  readonly hint: string | undefined

  constructor(message: string, details: IapeerErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = details.code
    this.hint = details.hint
  }
}

/** Whether an error is one of ours, also one that comes from a package which bundles a class of its own (the canary). */
export function isIapeerError(error: unknown): error is IapeerError {
  return error instanceof Error && error.name === 'IapeerError' && 'code' in error
}

/** The `code` of a Node error (`ENOENT`, `ERR_...`), or undefined for anything else, ours too. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name === 'IapeerError' || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
