export {
  describeError,
  ERROR_CATALOGUE,
  ERROR_SECTIONS,
  type ErrorCode,
  exitCodeOf,
  type HttpStatus,
  httpStatusOf,
} from './catalogue.ts'
export type { ErrorEntry, ErrorKind } from './entry.ts'
export { EXIT, EXIT_CODES, type ExitMeaning } from './exit-codes.ts'
export { ERROR_KINDS } from './kinds.ts'
