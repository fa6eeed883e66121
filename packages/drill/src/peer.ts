import { listCanaries } from '@iapeer/canary'
import {
  formatIdentity,
  type Identity,
  type Personality,
  toPersonality,
  toRuntime,
} from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { readProfileText, replaceProfileText } from '@iapeer/core/profile'
import { createPeer, findPeer, type PeerEntry, updatePeer, upsertPeer } from '@iapeer/core/registry'
import { launchPeer, removeNamed, statusOf, stopPeer } from '@iapeer/lifecycle'
import { runTmux } from '@iapeer/tmux'
import { drillFailed } from './errors.ts'
import { noteFileOf } from './message-notes.ts'
import { isGoneWithin } from './processes.ts'
import type { Site } from './site.ts'

/**
 * What runs in the pane: it exits with code 3 when it gets SIGUSR1, takes 256 MiB when it gets SIGUSR2, and is ended by every other signal.
 * It takes part in messages by its directory, and appends to the file `$1` when it begins with one and when it has taken it.
 * Without messages it waits for input, as most agents do: that costs no process. A shell that runs no trap while it reads (Bash 3.2 of macOS)
 * sleeps instead.
 */
const script = (hasMail: boolean): string => `
mail=\${IAPEER_MAIL_DIR:?}/mail
trap 'exit 3' USR1
trap 'x=$(head -c 4194304 /dev/zero | tr "\\0" x); for _ in 1 2 3 4 5 6; do x=$x$x; done' USR2
mkdir -p "$mail/new" "$mail/work" "$mail/taken"
while :; do
  for path in "$mail"/new/*.json; do
    name=\${path##*/}
    [ -e "$path" ] && mv "$path" "$mail/work/$name" || continue
    echo "begun $name" >>"$1"
    mv "$mail/work/$name" "$mail/taken/$name" && echo "taken $name" >>"$1"
  done 2>>"$1.errors"
  ${hasMail || process.platform === 'darwin' ? 'sleep 0.2' : 'read -r _ || sleep 1'}
done`
const EXIT_MS = 20_000
/** Who stops the peers of a drill, in their records. */
export const BY = 'iapeer drill'

/** One run of a peer: what the drill hurts. */
export interface Generation {
  readonly identity: Identity
  /** The identity that it was started with, which the files of its recorder are named after. */
  readonly recordedAs: Identity
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

/** Returns another name for a peer: the same one with the next number behind it (`p7-r2` after `p7-r1`), since names are short. */
export function renamed(name: string): Personality {
  const [, base = name, count = '0'] = /^(.*?)-r(\d+)$/.exec(name) ?? []
  return toPersonality(`${base}-r${Number(count) + 1}`)
}

export const identityOf = (name: string): Identity =>
  formatIdentity({ runtime: toRuntime('command'), personality: toPersonality(name) })

/** Returns the run of an identity that goes on now; undefined if it does not run, or its recorder is not known yet. */
export async function runningGeneration(site: Site, identity: Identity): Promise<Generation | undefined> {
  const { session } = await statusOf(site.root, identity)
  if (session?.gen === undefined || session.readyAt === undefined) return undefined
  const { gen, recordedAs = identity, socketPath, server, leader, paneId: pane, sessionId } = session
  const canaries = await listCanaries(rootRecordLocation(site.root))
  const pid = canaries.find((one) => one.gen === gen)?.recorderPid
  const recorder = pid === undefined ? undefined : await identifyProcess(pid)
  if (recorder === undefined) return undefined
  site.processes.add(server, leader, recorder)
  return { identity, recordedAs, gen, socketPath, server, leader, recorder, pane, session: sessionId }
}

/** States in the profile of a peer that it gets messages by its directory. */
async function takePartInMail(site: Site, name: string): Promise<void> {
  const { home } = await getPeerNamed(site, name)
  const from = await readProfileText(home)
  if (from === undefined) throw drillFailed(`the peer ${name} has no profile`)
  const profile = { ...JSON.parse(from), interfaces: { mail: { way: 'directory' } } }
  await replaceProfileText(home, { from, to: JSON.stringify(profile) })
  await upsertPeer(site.root, home)
}

/** Returns the entry of a peer of the drill. @throws IapeerError `drill-failed` */
export async function getPeerNamed(site: Site, name: string): Promise<PeerEntry> {
  const entry = await findPeer(site.root, name)
  if (entry === undefined) throw drillFailed(`the peer ${name} was not created`)
  return entry
}

/** Creates and starts a peer. @throws IapeerError `drill-failed`, those of `createPeer` and `launchPeer` */
export async function startDrillPeer(site: Site, name: string, isRestarted: boolean): Promise<DrillPeer> {
  await site.changeRegistry(async () => {
    await createPeer(site.root, {
      personality: toPersonality(name),
      defaultRuntime: toRuntime('command'),
      command: ['sh', '-c', script(site.hasMail), 'drill-peer', noteFileOf(site.directory, name)],
    })
    if (isRestarted) await updatePeer(site.root, name, { restart: 'on-failure' })
    if (site.hasMail) await takePartInMail(site, name)
  })
  const entry = await getPeerNamed(site, name)
  await launchPeer(site.root, entry, { env: site.env })
  const identity = identityOf(name)
  const generation = await runningGeneration(site, identity)
  if (generation === undefined) throw drillFailed(`${identity} does not run after its launch`)
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
  if ((await findPeer(site.root, name)) === undefined) return true
  // A stop takes longer than a change of the registry, and others need not wait for it.
  await stopPeer(site.root, identityOf(name), { by: BY, why: 'it is removed' })
  await site.changeRegistry(() => removeNamed(site.root, name, { force: true, by: BY, env: site.env }))
  if (last === undefined) return true
  const gone = await Promise.all(
    [last.server, last.leader, last.recorder].map((id) => isGoneWithin(id, EXIT_MS)),
  )
  if (gone.every((one) => one)) site.processes.forget([last.server, last.leader, last.recorder])
  return gone.every((one) => one)
}
