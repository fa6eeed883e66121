export * from './async/index.ts'
export * from './codec/envelope/index.ts'
export {
  formatLogfmt,
  formatLogfmtValue,
  type LogfmtInput,
  type LogfmtLine,
  parseLogfmt,
} from './codec/logfmt.ts'
export * from './errors/index.ts'
export * from './identity/index.ts'
export * from './names/index.ts'
export * from './paths/index.ts'
export * from './process/index.ts'
export * from './profile/index.ts'
export * from './registry/index.ts'
export * from './storage/index.ts'
