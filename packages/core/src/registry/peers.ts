import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { isPersonality, type Personality } from '../identity/identity.ts'
import { newMailboxId } from '../mailbox/message-id.ts'
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
import { assertHomeFree, assertNameFree, assertNameUsable, assertNotRemembered, getPeer } from './find.ts'
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

/** Writes the registry. If that fails, it undoes the changes made before; if that fails too, the error has both causes. */
async function writeOrUndo(write: () => Promise<void>, undo: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    // The registry was replaced; it may only be lost if the host crashes.
    if (error instanceof IapeerError && error.code === 'file-not-synced') throw error
    try {
      await undo()
    } catch (undoError) {
      throw new IapeerError(
        'the registry could not be written, and the changes made before could not be undone',
        {
          code: 'rollback-failed',
          hint: 'Check that the disk is writable, then run iapeer verify --fix.',
          cause: new AggregateError([error, undoError]),
        },
      )
    }
    throw error
  }
}

/** The errors with which a directory is left in place. */
const STAYS = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EROFS', 'ENOTDIR', 'EACCES', 'EPERM'])

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined || !STAYS.has(code)) throw error
  }
}

/** A new peer: the fields of its profile, and its home. */
export interface NewPeer extends NewProfile {
  /** @default `<root>/peers/<personality>`, with `-2`, `-3`, ... if that is the home of a peer that was renamed */
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
 * Creates a peer with its home, profile and entry. On an error it creates nothing.
 * @throws IapeerError `name-taken`, `name-remembered`, `home-occupied`, `home-has-profile`, `unusable-home`,
 *   `invalid-options` and those of `listPeers`; the Node.js system error
 */
export function createPeer(root: string, peer: NewPeer): Promise<PeerEntry> {
  const { home, ...fields } = peer
  return withEntries(root, async ({ layout, write }, entries) => {
    assertNameUsable(entries, fields.personality)
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
      // A directory that this call created holds nothing that an agent could be made to run.
      const isOwn = isNew && home !== undefined && (fields.cwd ?? real) === real
      const own = { mailbox: newMailboxId(), ...(isOwn ? { trustedCwd: real } : {}) }
      profile = await createProfile(real, { ...own, ...fields })
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
 * Updates the entry of a home from its profile; adds one if there is none.
 * @throws IapeerError `no-profile`, `corrupt-profile`, `invalid-profile`, `name-taken`, `unusable-home` and those of
 *   `listPeers`
 */
export function upsertPeer(root: string, home: string): Promise<PeerEntry> {
  return withEntries(root, async ({ layout, write }, entries) => {
    const profile = await readProfile(home)
    if (profile === undefined)
      throw new IapeerError(`${home} has no profile`, {
        code: 'no-profile',
        hint: `Create one: iapeer init ${home}`,
      })
    const entry = projectProfile(profile, await settleHome(layout, home))
    return putEntry({ layout, write }, entries, entry)
  })
}

/** Replaces or adds the entry of a home. The file is written only if the entry changes. */
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
 * Changes the profile of a peer, and updates its entry. {@link renamePeer} changes the name, which this function ignores.
 * If the registry cannot be written, the change of the profile stays, and `registry-behind` reports it.
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
    await followProfile(home, () => putEntry(access, entries, projectProfile(update.profile, home)))
    return update
  })
}

/** Writes the registry after a profile was changed, and reports a failure as `registry-behind`. */
async function followProfile(home: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof IapeerError) || error.code === 'file-not-synced') throw error
    throw new IapeerError(`${profilePath(home)} was changed, but the registry was not: ${error.message}`, {
      code: 'registry-behind',
      hint: 'Fix the cause, then run iapeer verify --fix.',
      cause: error,
    })
  }
}

/** A peer that was removed. */
export interface Removed {
  readonly personality: string
  readonly home: string
  /** The path at which its profile is kept; undefined if it had none. */
  readonly keptProfile: string | undefined
}

/**
 * Removes a peer from the registry, or from the remembered homes. Its home stays; its profile is renamed.
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
 * Renames a peer in its profile and in the registry, or in neither. Its home keeps its path.
 * @throws IapeerError `no-such-peer`, `name-taken` and those of `updateProfile` and `listPeers`
 */
export function renamePeer(root: string, name: string, to: Personality): Promise<PeerEntry> {
  return withEntries(root, async ({ layout, write }, entries) => {
    const old = getPeer(entries, name)
    if (old.personality === to) return old
    assertNameUsable(entries, to)
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
