import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import type { PeerProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { permissionsOf } from '../../runtimes/index.ts'
import type { BootStep } from './boot-step.ts'

/** The dialogs that give an agent permissions. iapeer answers one only if the person has chosen that. */
const PERMISSION_DIALOGS = ['folder trust', 'bypass permissions'] as const
type PermissionDialog = (typeof PERMISSION_DIALOGS)[number]

/** For each dialog that gives permissions and that iapeer must not answer: what the person has to do. */
export type LeftDialogs = Readonly<Partial<Record<PermissionDialog, string>>>

async function isHomeOfRoot(root: string, home: string): Promise<boolean> {
  try {
    return dirname(home) === (await realpath(rootLayout(root).peersDir))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return false
  }
}

/** Returns whether iapeer may trust the working directory of a peer: it created it, or the person passed `--trust` for it. */
async function isTrusted(root: string, { home, cwd }: PeerEntry, profile: PeerProfile): Promise<boolean> {
  if (profile.trustedCwd === cwd) return true
  return home === cwd && (await isHomeOfRoot(root, home))
}

/** Returns the dialogs of a peer that only a person may answer. */
export async function dialogsLeft(
  root: string,
  entry: PeerEntry,
  { profile, runtime }: { readonly profile: PeerProfile; readonly runtime: string },
): Promise<LeftDialogs> {
  const { personality, home, cwd } = entry
  const skips = permissionsOf(runtime, { profile: { ...profile, command: [] } }) === 'skip'
  return {
    ...((await isTrusted(root, entry, profile))
      ? {}
      : {
          'folder trust': `The agent asks whether to trust ${cwd}, which iapeer did not create. Attach and answer, or let iapeer answer from now on: iapeer init ${home} --trust`,
        }),
    ...(skips
      ? {}
      : {
          'bypass permissions': `The agent is about to run without permission checks, which iapeer does not accept for you. Attach and answer, or let iapeer answer from now on: iapeer set ${personality} permissions=skip`,
        }),
  }
}

const isPermissionDialog = (dialog: string): dialog is PermissionDialog =>
  PERMISSION_DIALOGS.some((one) => one === dialog)

/** Turns the answer to a dialog that only a person may answer into a wait for that person. Pure. */
export function withoutLeft(step: BootStep, left: LeftDialogs): BootStep {
  if (step.kind !== 'press' || !isPermissionDialog(step.dialog)) return step
  const hint = left[step.dialog]
  return hint === undefined ? step : { kind: 'person', dialog: step.dialog, hint }
}
