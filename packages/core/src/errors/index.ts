export { errnoOf, IapeerError, type IapeerErrorDetails, isIapeerError } from './iapeer-error.ts'
