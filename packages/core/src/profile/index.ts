export { type CurrentIdentity, currentIdentity } from './current-identity.ts'
export type { EditPermits, KeptField } from './edit-profile.ts'
export { parseProfile } from './parse-profile.ts'
export * from './permissions.ts'
export * from './profile.ts'
export { CLEARABLE_FIELDS, fieldValues, profileChanges } from './profile-changes.ts'
export {
  createProfile,
  type NewProfile,
  type ProfileEdit,
  type ProfileUpdate,
  peerDirectory,
  profilePath,
  readProfile,
  readProfileText,
  replaceProfileText,
  updateProfile,
} from './profile-file.ts'
