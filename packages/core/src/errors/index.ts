export type { ErrorCode } from './catalogue/catalogue.ts'
export {
  errnoOf,
  IapeerError,
  type IapeerErrorDetails,
  isIapeerError,
  type ReceivedCode,
  receivedCode,
} from './iapeer-error.ts'
export { systemHint } from './system-hint.ts'
