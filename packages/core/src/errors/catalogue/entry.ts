/** The kind of an error, which decides its exit code and its HTTP status. */
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

/** HTTP statuses of single codes, for which HTTP defines a status of its own. */
type OwnStatus = 401 | 405 | 408 | 413 | 415 | 431 | 507

/** The entry of one code in the catalogue. */
export interface ErrorEntry {
  /** The kind; it determines the exit code and the HTTP status unless the entry overrides them. */
  readonly kind: ErrorKind
  /** The meaning, in one sentence. */
  readonly summary: string
  /** What to do, where one piece of advice fits every case. The hint of the error itself can be more specific. */
  readonly hint?: string
  /** Overrides the HTTP status of the kind. */
  readonly httpStatus?: OwnStatus
  /** Overrides the exit code of the kind. */
  readonly exitCode?: 1 | 2
}

/** Types a section of the catalogue by its codes, so that the published types contain the codes but not the texts. */
export const entries = <Code extends string>(
  list: Readonly<Record<Code, ErrorEntry>>,
): Readonly<Record<Code, ErrorEntry>> => list
