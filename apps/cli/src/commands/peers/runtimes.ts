import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Runtime, toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerProfile, ProfileChanges } from '@iapeer/core/profile'
import { listPeers, updatePeer } from '@iapeer/core/registry'
import { defineCommand } from '../../define-command.ts'
import { EXIT, explain, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { oneOf } from '../options.ts'
import { PEER, peerEntry } from './peer-named.ts'

const withRuntime = (profile: PeerProfile, runtime: Runtime): readonly Runtime[] =>
  profile.runtimes.includes(runtime) ? profile.runtimes : [...profile.runtimes, runtime]

const CHANGES = ['add', 'default'] as const

const parseChange = oneOf(CHANGES, (text) =>
  usageError(`not a change of runtimes: ${text}`, 'Use add or default.'),
)

const EDITS = {
  add: (runtime: Runtime) => (profile: PeerProfile) => ({ runtimes: withRuntime(profile, runtime) }),
  default: (runtime: Runtime) => (profile: PeerProfile) => ({
    defaultRuntime: runtime,
    runtimes: withRuntime(profile, runtime),
  }),
} as const satisfies Record<
  (typeof CHANGES)[number],
  (runtime: Runtime) => (profile: PeerProfile) => ProfileChanges
>

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
async function changeAll(edit: (profile: PeerProfile) => ProfileChanges, json: boolean): Promise<void> {
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

export default defineCommand({
  name: 'runtimes',
  summary: 'change the runtimes of peers',
  args: {
    what: {
      label: 'add|default',
      help: 'add: it can be present so too; default: it is present so unless asked otherwise',
      parse: parseChange,
    },
    runtime: { parse: toRuntime },
  },
  options: {
    peer: { ...PEER, value: 'peer', help: 'of this peer' },
    all: { help: 'of every peer' },
    json: { help: 'one JSON object a peer' },
  },
  run: async ({ args: { what, runtime }, options: { peer, all, json } }) => {
    if ((peer === undefined) === !all)
      throw usageError('whose runtimes?', 'Give either --peer NAME or --all.')
    const edit = EDITS[what](runtime)
    if (peer === undefined) return changeAll(edit, json)
    await change((await peerEntry(peer)).personality, edit, json)
  },
})
