import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'
import type { EditPermits } from '../profile/edit-profile.ts'
import type { PeerProfile } from '../profile/profile.ts'
import {
  createProfile,
  type NewProfile,
  newProfileText,
  type ProfileEdit,
  type ProfileUpdate,
  peerDirectory,
  profilePath,
  readProfile,
  restoreProfile,
  retireProfile,
  updateProfile,
} from '../profile/profile-file.ts'
import { type PeerEntry, projectProfile } from './entry.ts'
import { assertHomeFree, assertNameFree, assertNotRemembered, getPeer } from './find.ts'
import { homeOfName, linkHome, realDirectory, settleHome, unlinkHome } from './peer-homes.ts'
import { type RegistryAccess, usableEntries, withRegistry } from './registry-file.ts'

async function withEntries<T>(
  root: string,
  action: (access: RegistryAccess, entries: readonly PeerEntry[]) => Promise<T>,
): Promise<T> {
  return withRegistry(root, async (access) =>
    action(access, await usableEntries(access.layout, access.content)),
  )
}

/** Writes the registry; when that fails, undoes what was done before it, and tells of both. */
async function writeOrUndo(write: () => Promise<void>, undo: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    // It is written; only that it lasts is not sure.
    if (error instanceof IapeerError && error.code === 'file-not-synced') throw error
    try {
      await undo()
    } catch (undoError) {
      throw new IapeerError(
        'the registry could not be written, and what was done before could not be undone',
        {
          code: 'rollback-failed',
          hint: 'See that the disk is writable, then: iapeer verify --fix',
          cause: new AggregateError([error, undoError]),
        },
      )
    }
    throw error
  }
}

const STAYS = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EROFS', 'ENOTDIR', 'EACCES', 'EPERM'])

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined || !STAYS.has(code)) throw error
  }
}

/**
 * A new peer: its profile, and the directory that becomes its home.
 * @default home `<root>/peers/<personality>`; with `-2`, `-3`, ... where that is the home of a peer that was renamed
 */
export interface NewPeer extends NewProfile {
  readonly home?: string
}

async function defaultHome(
  { peersDir }: RegistryAccess['layout'],
  entries: readonly PeerEntry[],
  personality: Personality,
): Promise<string> {
  for (let number = 1; ; number++) {
    const path = join(peersDir, number === 1 ? personality : `${personality}-${number}`)
    const real = (await realDirectory(path)) ?? path
    if (!entries.some(({ home }) => home === real)) return path
  }
}

/**
 * Makes a peer: home, profile and entry, or nothing.
 * @throws IapeerError `name-taken`, `home-occupied`, `home-has-profile`, `unusable-home`, `invalid-profile` and those of
 *   `listPeers`; the Node system error
 */
export function createPeer(root: string, peer: NewPeer): Promise<PeerEntry> {
  const { home, ...fields } = peer
  return withEntries(root, async ({ layout, write }, entries) => {
    assertNameFree(entries, fields.personality)
    newProfileText(fields)
    const wanted = home ?? (await defaultHome(layout, entries, fields.personality))
    const isNew = (await realDirectory(wanted)) === undefined
    const real = await settleHome(layout, wanted)
    assertHomeFree(entries, real)
    const undoDirectories = async (): Promise<void> => {
      await removeIfEmpty(peerDirectory(real))
      if (isNew) await removeIfEmpty(real)
    }
    let profile: PeerProfile
    try {
      await assertNotRemembered(layout, fields.personality, real)
      profile = await createProfile(real, fields)
    } catch (error) {
      await undoDirectories()
      throw error
    }
    const entry = projectProfile(profile, real)
    await writeOrUndo(
      async () => {
        await linkHome(layout, entry.personality, real)
        await write([...entries, entry])
      },
      async () => {
        await unlinkHome(layout, entry.personality)
        await rm(profilePath(real), { force: true })
        await undoDirectories()
      },
    )
    return entry
  })
}

/**
 * Brings the entry of a home up to what its profile says; a home that has none gets one.
 * @throws IapeerError `no-profile`, `corrupt-profile`, `invalid-profile`, `name-taken`, `unusable-home` and those of
 *   `listPeers`
 */
export function upsertPeer(root: string, home: string): Promise<PeerEntry> {
  return withEntries(root, async ({ layout, write }, entries) => {
    const profile = await readProfile(home)
    if (profile === undefined)
      throw new IapeerError(`${home} has no profile`, {
        code: 'no-profile',
        hint: `Make one: iapeer init ${home}`,
      })
    const entry = projectProfile(profile, await settleHome(layout, home))
    return putEntry({ layout, write }, entries, entry)
  })
}

/** Replaces the entry of that home, or adds it; the file is written only when something changes. */
async function putEntry(
  { layout, write }: Pick<RegistryAccess, 'layout' | 'write'>,
  entries: readonly PeerEntry[],
  entry: PeerEntry,
): Promise<PeerEntry> {
  const others = entries.filter((one) => one.home !== entry.home)
  const old = entries.find((one) => one.home === entry.home)
  assertNameFree(others, entry.personality)
  await assertNotRemembered(layout, entry.personality, entry.home)
  await linkHome(layout, entry.personality, entry.home)
  if (JSON.stringify(old) !== JSON.stringify(entry)) await write([...others, entry])
  if (old !== undefined && old.personality !== entry.personality) await unlinkHome(layout, old.personality)
  return entry
}

/**
 * Changes the profile of a peer (not its name: that is {@link renamePeer}) and brings its entry up to it. When the registry
 * cannot be written, the profile has changed all the same: it is the truth, and `registry-behind` says so.
 * @throws IapeerError `no-such-peer` and those of `updateProfile` and `listPeers`
 */
export function updatePeer(
  root: string,
  name: string,
  edit: ProfileEdit,
  permits: EditPermits = {},
): Promise<ProfileUpdate> {
  return withEntries(root, async (access, entries) => {
    const { home } = getPeer(entries, name)
    const unnamed = (profile: PeerProfile) => {
      const { personality: _name, ...changes } = typeof edit === 'function' ? edit(profile) : edit
      return changes
    }
    const update = await updateProfile(home, unnamed, permits)
    await follow(home, () => putEntry(access, entries, projectProfile(update.profile, home)))
    return update
  })
}

/** The profile has changed already when the registry cannot follow. */
async function follow(home: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof IapeerError) || error.code === 'file-not-synced') throw error
    throw new IapeerError(`${profilePath(home)} is changed, the registry is not: ${error.message}`, {
      code: 'registry-behind',
      hint: 'When that is mended: iapeer verify --fix',
      cause: error,
    })
  }
}

export interface Removed {
  readonly personality: string
  readonly home: string
  /** Where its profile is kept; undefined when it had none. */
  readonly keptProfile: string | undefined
}

/**
 * Forgets a peer, also one that is remembered and not registered. Its home stays, and its profile under another name.
 * @throws IapeerError `no-such-peer` and those of `listPeers`
 */
export function removePeer(root: string, name: string, now: Date): Promise<Removed> {
  return withEntries(root, async ({ layout, write }, entries) => {
    const remembered = isPersonality(name) ? await homeOfName(layout, name) : undefined
    if (remembered !== undefined && isPersonality(name) && !entries.some((one) => one.personality === name)) {
      await unlinkHome(layout, name)
      return { personality: name, home: remembered, keptProfile: undefined }
    }
    const entry = getPeer(entries, name)
    const keptProfile = await retireProfile(entry.home, now)
    await writeOrUndo(
      () => write(entries.filter((one) => one !== entry)),
      async () => {
        if (keptProfile !== undefined) restoreProfile(entry.home, keptProfile)
      },
    )
    await unlinkHome(layout, entry.personality)
    return { personality: entry.personality, home: entry.home, keptProfile }
  })
}

/**
 * Gives a peer another name, in its profile and in the registry, or in neither. Its home stays where it is.
 * @throws IapeerError `no-such-peer`, `name-taken` and those of `updateProfile` and `listPeers`
 */
export function renamePeer(root: string, name: string, to: Personality): Promise<PeerEntry> {
  return withEntries(root, async ({ layout, write }, entries) => {
    const old = getPeer(entries, name)
    if (old.personality === to) return old
    assertNameFree(entries, to)
    await assertNotRemembered(layout, to, old.home)
    const { profile } = await updateProfile(old.home, { personality: to })
    const entry = projectProfile(profile, old.home)
    await writeOrUndo(
      async () => {
        await linkHome(layout, to, old.home)
        await write([...entries.filter((one) => one !== old), entry])
      },
      async () => {
        await updateProfile(old.home, { personality: old.personality })
        await unlinkHome(layout, to)
      },
    )
    await unlinkHome(layout, old.personality)
    return entry
  })
}
