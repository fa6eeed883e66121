export { configuredLimits, type Limits, limitText, resolveLimits } from './limits.ts'
export { formatSize, parseSize } from './size.ts'
export {
  describeLimit,
  isLimitName,
  isLimitValue,
  LIMIT_NAMES,
  type LimitName,
  NO_LIMIT,
  type StatedLimits,
} from './stated.ts'
