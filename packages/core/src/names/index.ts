export { personalityFromName } from './personality-from-name.ts'
