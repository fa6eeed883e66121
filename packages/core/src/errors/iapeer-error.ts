import type { ErrorCode } from './catalogue/catalogue.ts'

/**
 * A code that another process has sent. A daemon of another version may send one that the catalogue does not have. The type
 * is a brand, not the value: as a literal it lets the compiler refuse to compare a `code` with a word that is not listed.
 */
export type ReceivedCode = '<code of another version>'

/** Marks a code that another process has sent: `exitCodeOf` and `httpStatusOf` take an unknown one as of the kind `failed`. */
export const receivedCode = (code: string): ReceivedCode => code as ReceivedCode

/** What {@link IapeerError} carries besides its message. */
export interface IapeerErrorDetails {
  /** A code of the catalogue (docs/errors.md), for programs to match on. */
  readonly code: ErrorCode | ReceivedCode
  /** What the person can do next, one sentence. */
  readonly hint?: string
  /** The error that led to it. */
  readonly cause?: unknown
}

/** Every error iapeer throws on purpose: match on `code`, never on the message. */
export class IapeerError extends Error {
  override readonly name: string = 'IapeerError'
  readonly code: ErrorCode | ReceivedCode
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
