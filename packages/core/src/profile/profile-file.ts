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

/** `<home>/.iapeer`, a peer's own directory. */
export function peerDirectory(home: string): string {
  return join(home, '.iapeer')
}

export function profilePath(home: string): string {
  return join(peerDirectory(home), FILE)
}

/** The text of a home's profile; undefined when it has none. @throws IapeerError `unusable-file`, `corrupt-profile` */
async function readProfileText(home: string): Promise<string | undefined> {
  const path = profilePath(home)
  const found = await readRegularFile(path)
  if (found === undefined || found.utf8) return found?.text
  throw new IapeerError(`${path} is no UTF-8 text`, {
    code: 'corrupt-profile',
    hint: 'Convert that file (iconv -t utf-8), or put back a copy; nothing was changed in it.',
  })
}

/**
 * The profile of a home; undefined when it has none.
 * @throws IapeerError `corrupt-profile`, `invalid-profile`
 */
export async function readProfile(home: string): Promise<PeerProfile | undefined> {
  const text = await readProfileText(home)
  return text === undefined ? undefined : parseProfile(text, profilePath(home))
}

/** What a new profile states. */
export type NewProfile = ProfileChanges &
  Required<Pick<ProfileChanges, 'personality' | 'defaultRuntime'>> & {
    readonly interfaces?: Readonly<Record<string, unknown>>
  }

/**
 * The text of a new profile.
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
      hint: 'Say it otherwise; nothing was made.',
      cause: error,
    })
  }
  return text
}

/** Makes a peer's own directory, 0700; a link in its place is followed inside of the home only. */
async function makePeerDirectory(home: string): Promise<void> {
  const directory = peerDirectory(home)
  await makePrivateDirectory(directory)
  const real = await containedPath(directory, home)
  if (((await stat(real)).mode & 0o077) !== 0) await chmod(real, 0o700)
}

const RETIRED = /^peer-profile\.removed-(.*\.json)$/

/** Another peer begins here: what an earlier removal has kept is no longer the mark of one that was cut off. */
async function closeRemovals(directory: string): Promise<void> {
  for (const name of await namesIn(directory, { ignoreMissingDirectory: true })) {
    const [, rest] = RETIRED.exec(name) ?? []
    if (rest !== undefined)
      await rename(join(directory, name), join(directory, `peer-profile.former-${rest}`))
  }
}

/**
 * Writes the profile of a home that has none.
 * @throws IapeerError `home-has-profile`, `invalid-options`, `outside-root`; the Node system error
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
    throw new IapeerError(`${home} has a profile already`, {
      code: 'home-has-profile',
      hint: `Register what is there: iapeer init ${home}`,
      cause: error,
    })
  }
  return parseProfile(text, path)
}

export interface ProfileUpdate {
  readonly profile: PeerProfile
  /** What was not changed, since it would have lost something and nobody asked for that. */
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

/** What to change, or what follows from what the profile says at that moment. */
export type ProfileEdit = ProfileChanges | ((profile: PeerProfile) => ProfileChanges)

/**
 * Changes a profile under its lock. Everything that is not named in the edit survives byte for byte; the nature is
 * not lowered and the description not emptied without a permit. Nothing is written when nothing changes.
 * @throws IapeerError `no-profile`, `corrupt-profile`, `invalid-profile`, `lock-held`, `outside-root`; the Node system error
 */
export async function updateProfile(
  home: string,
  edit: ProfileEdit,
  permits: EditPermits = {},
): Promise<ProfileUpdate> {
  const path = profilePath(home)
  const missing = (): IapeerError =>
    new IapeerError(`${home} has no profile`, { code: 'no-profile', hint: `Make one: iapeer init ${home}` })
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

/** The edited text of a profile, and what it says. */
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
    // A nature that followed from the runtime is stated, where another runtime would lower it.
    edited = await editProfileText(edited, profile, { intelligence: old.intelligence })
    profile = parseProfile(edited, path)
  }
  const unmet = unmetField(profile, wanted)
  if (unmet === undefined) return { text: edited, profile, kept }
  throw new IapeerError(`${path} cannot be changed: it has ${unmet} more than once`, {
    code: 'invalid-profile',
    hint: 'Leave one of them in that file; nothing was changed in it.',
  })
}

/**
 * Takes the profile of a home out of use. It is kept beside: nothing a person wrote is deleted.
 * @returns where it is kept; undefined when there was none
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

/** Whether a profile was retired here and none took its place. */
export async function isRetired(home: string): Promise<boolean> {
  const names = await namesIn(peerDirectory(home), { ignoreMissingDirectory: true })
  return !names.includes(FILE) && names.some((name) => RETIRED.test(name))
}

/** Undoes {@link retireProfile}. */
export function restoreProfile(home: string, kept: string): void {
  renameSync(kept, profilePath(home))
}
