import { listCanaries } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { createPeer, findPeer, type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { launchPeer, removeNamed, statusOf } from '@iapeer/lifecycle'
import { runTmux } from '@iapeer/tmux'
import { isGoneWithin } from './processes.ts'
import type { Site } from './site.ts'

/** What runs in the pane: it exits with code 3 when it gets SIGUSR1, and is ended by every other signal. */
const PROGRAM = ['sh', '-c', "trap 'exit 3' USR1; while :; do sleep 0.2; done"]
const EXIT_MS = 20_000

/** One run of a peer: what the drill hurts. */
export interface Generation {
  readonly identity: Identity
  readonly gen: string
  readonly socketPath: string
  readonly server: ProcessId
  readonly leader: ProcessId
  readonly recorder: ProcessId
  /** The target of tmux commands. */
  readonly pane: string
  readonly session: string
}

/** A peer of the drill. */
export interface DrillPeer {
  readonly site: Site
  readonly name: string
  readonly entry: PeerEntry
  readonly identity: Identity
  /** Whether its profile says that it is restarted after a death. */
  readonly isRestarted: boolean
  readonly generation: Generation
}

const failed = (why: string): IapeerError =>
  new IapeerError(why, {
    code: 'drill-failed',
    hint: 'Run iapeer doctor: it names what this host does not permit.',
  })

export const identityOf = (name: string): Identity =>
  formatIdentity({ runtime: toRuntime('command'), personality: toPersonality(name) })

/** Returns the run of an identity that goes on now; undefined if it does not run, or its recorder is not known yet. */
export async function runningGeneration(site: Site, identity: Identity): Promise<Generation | undefined> {
  const { session } = await statusOf(site.root, identity)
  if (session?.gen === undefined || session.readyAt === undefined) return undefined
  const { gen, socketPath, server, leader, paneId: pane, sessionId } = session
  const canaries = await listCanaries(rootRecordLocation(site.root))
  const pid = canaries.find((one) => one.gen === gen)?.recorderPid
  const recorder = pid === undefined ? undefined : await identifyProcess(pid)
  if (recorder === undefined) return undefined
  site.processes.add(server, leader, recorder)
  return { identity, gen, socketPath, server, leader, recorder, pane, session: sessionId }
}

/** Creates and starts a peer. @throws IapeerError `drill-failed`, those of `createPeer` and `launchPeer` */
export async function startDrillPeer(site: Site, name: string, isRestarted: boolean): Promise<DrillPeer> {
  await createPeer(site.root, {
    personality: toPersonality(name),
    defaultRuntime: toRuntime('command'),
    command: PROGRAM,
  })
  if (isRestarted) await updatePeer(site.root, name, { restart: 'on-failure' })
  const entry = await findPeer(site.root, name)
  if (entry === undefined) throw failed(`the peer ${name} was not created`)
  await launchPeer(site.root, entry, { env: site.env })
  const identity = identityOf(name)
  const generation = await runningGeneration(site, identity)
  if (generation === undefined) throw failed(`${identity} does not run after its launch`)
  return { site, name, entry, identity, isRestarted, generation }
}

/** Runs tmux against the server of a peer as another program would: nothing declares it. */
export function foreignTmux({ generation }: DrillPeer, args: readonly string[]) {
  return runTmux({ socketPath: generation.socketPath, args: [...args] })
}

/** Removes a peer of the drill, and stops it on purpose if it runs. @returns whether its last processes are gone */
export async function removeDrillPeer(
  site: Site,
  name: string,
  last: Generation | undefined,
): Promise<boolean> {
  await removeNamed(site.root, name, { force: true, by: 'iapeer drill' })
  if (last === undefined) return true
  const gone = await Promise.all(
    [last.server, last.leader, last.recorder].map((id) => isGoneWithin(id, EXIT_MS)),
  )
  if (gone.every((one) => one)) site.processes.forget([last.server, last.leader, last.recorder])
  return gone.every((one) => one)
}
