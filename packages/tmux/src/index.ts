export * from '@iapeer/canary'
export { runTmux, type TmuxCall, type TmuxResult } from './exec.ts'
