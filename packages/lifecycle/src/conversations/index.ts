export { type FilePosition, linesFrom } from './lines.ts'
export { isMail } from './mail-text.ts'
export type { SessionTarget } from './session-target.ts'
export type { TurnOutcome } from './turn-outcome.ts'
