import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Runtime, toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerProfile, ProfileChanges } from '@iapeer/core/profile'
import { listPeers, updatePeer } from '@iapeer/core/registry'
import { EXIT, explain, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { peerNamed } from './peer-named.ts'

interface RuntimesOptions {
  readonly peer?: string
  readonly all?: boolean
  readonly json?: boolean
}

const withRuntime = (profile: PeerProfile, runtime: Runtime): readonly Runtime[] =>
  profile.runtimes.includes(runtime) ? profile.runtimes : [...profile.runtimes, runtime]

const EDITS = {
  add: (runtime: Runtime) => (profile: PeerProfile) => ({ runtimes: withRuntime(profile, runtime) }),
  default: (runtime: Runtime) => (profile: PeerProfile) => ({
    defaultRuntime: runtime,
    runtimes: withRuntime(profile, runtime),
  }),
} as const satisfies Record<string, (runtime: Runtime) => (profile: PeerProfile) => ProfileChanges>

const isEdit = (word: string): word is keyof typeof EDITS => Object.hasOwn(EDITS, word)

async function change(
  name: string,
  edit: (profile: PeerProfile) => ProfileChanges,
  json: boolean,
): Promise<void> {
  const { profile } = await updatePeer(iapeerRoot(), name, edit)
  const { personality, defaultRuntime: runtime, runtimes } = profile
  if (json) printJson({ personality, runtime, runtimes })
  else {
    const shown = runtimes.map((one) => (one === runtime ? `${one} (default)` : one)).join(', ')
    print(`${paint('bold', personality)}  ${shown}`)
  }
}

/** With `--all` one peer that cannot be changed hinders no other. */
export async function runtimes(what: string, runtime: string, options: RuntimesOptions): Promise<void> {
  if (!isEdit(what)) throw usageError(`not a change of runtimes: ${what}`, 'Use add or default.')
  const edit = EDITS[what](toRuntime(runtime))
  if ((options.peer === undefined) === (options.all !== true))
    throw usageError('whose runtimes?', 'Give either --peer NAME or --all.')
  const json = options.json === true
  if (options.peer !== undefined) return change((await peerNamed(options.peer)).personality, edit, json)
  for (const { personality } of await listPeers(iapeerRoot())) {
    try {
      await change(personality, edit, json)
    } catch (error) {
      if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
      process.stderr.write(explain(error))
      process.exitCode = EXIT.failed
    }
  }
}
