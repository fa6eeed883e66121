export {
  CALLER_VALUE_MAX,
  CALLER_VARIABLE,
  type CallerEnvironment,
  callerEnvironment,
  isCallerVariable,
  lastingPath,
  missingDirectories,
  withCallerEnvironment,
} from './caller-environment.ts'
export { loadExeca, releaseOutputs } from './execa.ts'
export { checkProgram, findProgram, isProgram } from './find-program.ts'
export {
  type BackgroundProgram,
  type FollowedProgram,
  followProgram,
  type ProgramOptions,
  type ProgramResult,
  runInTerminal,
  runProgram,
  startInBackground,
} from './programs.ts'
