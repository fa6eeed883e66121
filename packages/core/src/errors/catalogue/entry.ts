/** What kind of error a code is: what it means to a program. */
export type ErrorKind =
  | 'usage'
  | 'configuration'
  | 'not-running'
  | 'not-found'
  | 'denied'
  | 'conflict'
  | 'unprocessable'
  | 'timeout'
  | 'unavailable'
  | 'interrupted'
  | 'failed'
  | 'internal'

/** HTTP statuses that no kind has, each for the codes that HTTP itself has a status for. */
type OwnStatus = 401 | 405 | 408 | 413 | 415 | 431 | 507

/** What the catalogue says of one code. */
export interface ErrorEntry {
  /** Decides exit code and HTTP status. */
  readonly kind: ErrorKind
  /** What the error means, one sentence. */
  readonly summary: string
  /** What to do, where one piece of advice fits every case; the hint of the error itself says more. */
  readonly hint?: string
  /** Only where that of the kind is not right. */
  readonly httpStatus?: OwnStatus
  /** Only where that of the kind is not right. */
  readonly exitCode?: 1 | 2
}

/** A part of the catalogue. The codes are the type, so that what is published holds them and not their texts. */
export const entries = <Code extends string>(
  list: Readonly<Record<Code, ErrorEntry>>,
): Readonly<Record<Code, ErrorEntry>> => list
