import { IapeerError } from '@iapeer/core/errors'
import type { Identity, Runtime } from '@iapeer/core/identity'
import { type PeerProfile, readProfile } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { hasMark, markedAt, readTally } from '../sessions/index.ts'

/** Checks that the profile of a peer lists a runtime. @throws IapeerError `runtime-undeclared` */
export function assertDeclared(entry: PeerEntry, runtime: Runtime): void {
  if (entry.runtimes.includes(runtime)) return
  throw new IapeerError(`the profile of ${entry.personality} does not list the runtime ${runtime}`, {
    code: 'runtime-undeclared',
    hint: `Add it: iapeer runtimes add ${runtime} --peer ${entry.personality}`,
  })
}

/** Reads the profile of a peer. @throws IapeerError `no-profile` */
export async function getProfile(home: string): Promise<PeerProfile> {
  const profile = await readProfile(home)
  if (profile !== undefined) return profile
  throw new IapeerError(`${home} has no profile`, {
    code: 'no-profile',
    hint: 'Restore it from the registry: iapeer verify --fix',
  })
}

/** Checks that an identity was not given up. @throws IapeerError `crash-loop`, `resume-failed` */
export async function assertNotInLoop(root: string, identity: Identity): Promise<void> {
  const { loopSince, resumeProblem } = await readTally(root, identity)
  if (loopSince === undefined) return
  if (resumeProblem !== undefined)
    throw new IapeerError(
      `${identity} could not resume its conversation several times and is not started: ${resumeProblem}`,
      {
        code: 'resume-failed',
        hint: `iapeer reset ${identity}, then iapeer start ${identity} for a new conversation, or with --resume for another attempt.`,
      },
    )
  throw new IapeerError(`${identity} is in a crash loop and is not started`, {
    code: 'crash-loop',
    hint: `When the cause is corrected (iapeer autopsy ${identity}): iapeer reset ${identity}, then iapeer start ${identity}`,
  })
}

/** Checks that a planned start still is. @throws IapeerError `not-due` if the peer was stopped, or its start was planned anew, while this call waited for the lock */
export async function assertDue(root: string, identity: Identity, due: string): Promise<void> {
  const { startAt } = await readTally(root, identity)
  if (startAt === due && !hasMark(root, identity, 'stopped')) return
  throw new IapeerError(`the planned restart of ${identity} was cancelled`, {
    code: 'not-due',
    hint: `Start it with: iapeer start ${identity}`,
  })
}

/** A launch that waits for its turn, or for the lock of its identity. */
interface WantedLaunch {
  readonly entry: PeerEntry
  readonly identity: Identity
  /** When the peer was last stopped before the launch was asked for. */
  readonly stoppedBefore: string | undefined
}

/**
 * Checks that a launch that has waited is still wanted.
 * @throws IapeerError `not-due` if it was stopped meanwhile; `no-such-peer` if it was removed or renamed
 */
export async function assertWanted(
  root: string,
  { entry, identity, stoppedBefore }: WantedLaunch,
): Promise<void> {
  getPeer(await listPeers(root), entry.personality)
  const stoppedAt = await markedAt(root, identity, 'stopped')
  if (stoppedAt === undefined || stoppedAt === stoppedBefore) return
  throw new IapeerError(`${identity} was stopped while its start waited`, {
    code: 'not-due',
    hint: `Start it with: iapeer start ${identity}`,
  })
}
