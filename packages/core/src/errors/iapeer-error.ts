import type { ErrorCode } from './catalogue/catalogue.ts'

/**
 * A code that another process sent: a daemon of another version may send a code that the catalogue does not have. The
 * type is a brand, never the value. A literal, unlike `string`, lets the compiler reject a comparison of a `code` with a
 * word that is not in the catalogue.
 */
export type ReceivedCode = '<code of another version>'

/** Brands a code that another process sent. `exitCodeOf` and `httpStatusOf` treat an unknown code as of the kind `failed`. */
export const receivedCode = (code: string): ReceivedCode => code as ReceivedCode

/** The details of an {@link IapeerError}. */
export interface IapeerErrorDetails {
  /** A code of the catalogue (docs/errors.md), for programs to match on. */
  readonly code: ErrorCode | ReceivedCode
  /** What to do, in one sentence. */
  readonly hint?: string
  /** The error that caused it. */
  readonly cause?: unknown
}

/** The error that iapeer throws on purpose. Match on `code`, never on the message. */
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

/** Tests whether an error is an IapeerError, also one of a package that bundles its own copy of the class (the canary). */
export function isIapeerError(error: unknown): error is IapeerError {
  return error instanceof Error && error.name === 'IapeerError' && 'code' in error
}

/** Returns the `code` of a Node.js error (`ENOENT`, `ERR_...`), or undefined for any other value, also an IapeerError. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name === 'IapeerError' || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
