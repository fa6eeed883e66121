import { renameSync } from 'node:fs'
import { chmod, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { isLowerIntelligence } from '../identity/intelligence.ts'
import { writeFileAtomic, writeFileNew } from '../storage/atomic-write.ts'
import { containedPath } from '../storage/contained-path.ts'
import { withLock } from '../storage/lock.ts'
import { namesIn } from '../storage/names-in.ts'
import { makePrivateDirectory } from '../storage/private-directory.ts'
import { readRegularFile } from '../storage/read-regular.ts'
import { syncDirectory } from '../storage/replace-file.ts'
import { sweepTemporaries } from '../storage/sweep-temporaries.ts'
import { type EditPermits, editProfileText, type KeptField, keptFields, unmetField } from './edit-profile.ts'
import { parseProfile } from './parse-profile.ts'
import { FILE_FIELDS, type PeerProfile, type ProfileChanges } from './profile.ts'

const FILE = 'peer-profile.json'

/** Returns `<home>/.iapeer`, the directory of a peer's own files. */
export function peerDirectory(home: string): string {
  return join(home, '.iapeer')
}

/** Returns `<home>/.iapeer/peer-profile.json`. */
export function profilePath(home: string): string {
  return join(peerDirectory(home), FILE)
}

/** Reads the text of a home's profile; undefined if it has none. @throws IapeerError `unusable-file`, `corrupt-profile` */
export async function readProfileText(home: string): Promise<string | undefined> {
  const path = profilePath(home)
  const found = await readRegularFile(path, { mayHang: true })
  if (found === undefined || found.utf8) return found?.text
  throw new IapeerError(`${path} is not UTF-8 text`, {
    code: 'corrupt-profile',
    hint: 'Convert that file (iconv -t utf-8), or restore a copy; iapeer did not change it.',
  })
}

/**
 * Reads the profile of a home; undefined if it has none.
 * @throws IapeerError `corrupt-profile`, `invalid-profile`, `unusable-file`
 */
export async function readProfile(home: string): Promise<PeerProfile | undefined> {
  const text = await readProfileText(home)
  return text === undefined ? undefined : parseProfile(text, profilePath(home))
}

/** The fields of a new profile. */
export type NewProfile = ProfileChanges &
  Required<Pick<ProfileChanges, 'personality' | 'defaultRuntime'>> & {
    readonly interfaces?: Readonly<Record<string, unknown>>
  }

/**
 * Formats the text of a new profile.
 * @throws IapeerError `invalid-options`
 */
export function newProfileText(fields: NewProfile): string {
  const named: [string, unknown][] = FILE_FIELDS.map(([field, name]) => [name, fields[field]])
  const { interfaces } = fields
  if (interfaces !== undefined && Object.keys(interfaces).length > 0) named.push(['interfaces', interfaces])
  const stated = named.filter(([, value]) => value !== undefined && value !== null)
  const text = `${JSON.stringify(Object.fromEntries(stated), undefined, 2)}\n`
  try {
    parseProfile(text, `the profile of ${fields.personality}`)
  } catch (error) {
    if (!(error instanceof IapeerError)) throw error
    throw new IapeerError(error.message, {
      code: 'invalid-options',
      hint: 'Correct that value; nothing was created.',
      cause: error,
    })
  }
  return text
}

/** Creates a peer's own directory, 0700. An existing link is followed only if it leads to a directory in the home. */
async function makePeerDirectory(home: string): Promise<void> {
  const directory = peerDirectory(home)
  await makePrivateDirectory(directory)
  const real = await containedPath(directory, home)
  if (((await stat(real)).mode & 0o077) !== 0) await chmod(real, 0o700)
}

const RETIRED = /^peer-profile\.removed-(.*\.json)$/

/** Renames the profiles that earlier removals kept, so that they no longer mark an unfinished removal of the new peer. */
async function closeRemovals(directory: string): Promise<void> {
  for (const name of await namesIn(directory, { ignoreMissingDirectory: true })) {
    const [, rest] = RETIRED.exec(name) ?? []
    if (rest !== undefined)
      await rename(join(directory, name), join(directory, `peer-profile.former-${rest}`))
  }
}

/**
 * Creates the profile of a home.
 * @throws IapeerError `home-has-profile`, `invalid-options`, `outside-root`; the Node.js system error
 */
export async function createProfile(home: string, fields: NewProfile): Promise<PeerProfile> {
  const path = profilePath(home)
  const text = newProfileText(fields)
  await makePeerDirectory(home)
  await closeRemovals(peerDirectory(home))
  try {
    await writeFileNew(path, text, { within: home })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new IapeerError(`${home} already has a profile`, {
      code: 'home-has-profile',
      hint: `Register that peer: iapeer init ${home}`,
      cause: error,
    })
  }
  return parseProfile(text, path)
}

/** The result of {@link updateProfile}. */
export interface ProfileUpdate {
  readonly profile: PeerProfile
  /** The fields that were not changed, because the change would lose information and was not permitted. */
  readonly kept: readonly KeptField[]
}

function withoutKept(changes: ProfileChanges, kept: readonly KeptField[]): ProfileChanges {
  const { intelligence, description, ...others } = changes
  return {
    ...others,
    ...(intelligence === undefined || kept.includes('intelligence') ? {} : { intelligence }),
    ...(description === undefined || kept.includes('description') ? {} : { description }),
  }
}

/** The changes, or a function that computes them from the present profile. */
export type ProfileEdit = ProfileChanges | ((profile: PeerProfile) => ProfileChanges)

/**
 * Changes a profile under its lock. Fields that the edit does not name stay byte for byte. Without a permit, it neither
 * lowers the intelligence nor empties the description. The file is written only if its text changes.
 * @throws IapeerError `no-profile`, `corrupt-profile`, `invalid-profile`, `lock-held`, `outside-root`; the Node.js system
 *   error
 */
export async function updateProfile(
  home: string,
  edit: ProfileEdit,
  permits: EditPermits = {},
): Promise<ProfileUpdate> {
  const path = profilePath(home)
  const missing = (): IapeerError =>
    new IapeerError(`${home} has no profile`, { code: 'no-profile', hint: `Create one: iapeer init ${home}` })
  if ((await readProfileText(home)) === undefined) throw missing()
  return withLock(`${path}.lock`, async () => {
    const text = await readProfileText(home)
    if (text === undefined) throw missing()
    const edited = await editText(text, path, edit, permits)
    if (edited.text === text) return edited
    await sweepTemporaries(path)
    await writeFileAtomic(path, edited.text, { within: home })
    return edited
  })
}

/**
 * Replaces the text of a profile, under its lock.
 * @param texts `from` is the text that was edited: a profile that another process has changed since is not replaced
 * @throws IapeerError `profile-changed`, `corrupt-profile`, `invalid-profile`, `lock-held`, `outside-root`; the Node.js system
 *   error. The profile is unchanged then.
 */
export async function replaceProfileText(
  home: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<PeerProfile> {
  const path = profilePath(home)
  const profile = parseProfile(to, path)
  return withLock(`${path}.lock`, async () => {
    if ((await readProfileText(home)) !== from)
      throw new IapeerError(`another program has changed ${path} in the meantime`, {
        code: 'profile-changed',
        hint: 'Compare both files, then try again.',
      })
    await writeFileAtomic(path, to, { within: home })
    return profile
  })
}

/** Edits the text of a profile, and parses the result. */
async function editText(
  text: string,
  path: string,
  edit: ProfileEdit,
  permits: EditPermits,
): Promise<ProfileUpdate & { readonly text: string }> {
  const old = parseProfile(text, path)
  const changes = typeof edit === 'function' ? edit(old) : edit
  const kept = keptFields(old, changes, permits)
  const wanted = withoutKept(changes, kept)
  let edited = await editProfileText(text, old, wanted)
  let profile = parseProfile(edited, path)
  if (isLowerIntelligence(profile.intelligence, old.intelligence) && permits.lowerIntelligence !== true) {
    // The intelligence followed from the runtime, and the new runtime would lower it: state it in the profile.
    edited = await editProfileText(edited, profile, { intelligence: old.intelligence })
    profile = parseProfile(edited, path)
  }
  const unmet = unmetField(profile, wanted)
  if (unmet === undefined) return { text: edited, profile, kept }
  throw new IapeerError(`cannot change ${path}: it contains the field ${unmet} more than once`, {
    code: 'invalid-profile',
    hint: 'Remove all but one of them from that file; iapeer did not change it.',
  })
}

/**
 * Retires the profile of a home by renaming it, so that no text of a person is deleted.
 * @returns the new path; undefined if there was no profile
 */
export async function retireProfile(home: string, now: Date): Promise<string | undefined> {
  const path = profilePath(home)
  const kept = path.replace(/\.json$/, `.removed-${now.toISOString().replace(/[:.]/g, '')}.json`)
  try {
    await withLock(`${path}.lock`, async () => renameSync(path, kept))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
  await syncDirectory(peerDirectory(home))
  return kept
}

/** Tests whether the profile of a home was retired, and not replaced. */
export async function isRetired(home: string): Promise<boolean> {
  const names = await namesIn(peerDirectory(home), { ignoreMissingDirectory: true })
  return !names.includes(FILE) && names.some((name) => RETIRED.test(name))
}

/** Undoes {@link retireProfile}. */
export function restoreProfile(home: string, kept: string): void {
  renameSync(kept, profilePath(home))
}
