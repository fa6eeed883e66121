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
