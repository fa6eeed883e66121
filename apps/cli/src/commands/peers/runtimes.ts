import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Runtime, toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import type { PeerProfile, ProfileChanges } from '@iapeer/core/profile'
import { listPeers, updatePeer } from '@iapeer/core/registry'
import { defineCommand } from '../../define-command.ts'
import { EXIT, explain, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { oneOf } from '../options.ts'
import { PEER } from './peer-argument.ts'
import { peerEntry } from './peer-entry.ts'

const withRuntime = (profile: PeerProfile, runtime: Runtime): readonly Runtime[] =>
  profile.runtimes.includes(runtime) ? profile.runtimes : [...profile.runtimes, runtime]

const CHANGES = ['add', 'default'] as const

const parseChange = oneOf(CHANGES, (text) =>
  usageError(`unknown action ${JSON.stringify(text)}: expected add or default`, 'Use add or default.'),
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

/** Changes every peer; prints the error of a peer that cannot be changed, and goes on with the others. */
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
  summary: 'add a runtime to peers, or make it their default',
  args: {
    action: {
      label: 'add|default',
      help: 'add: let the peer also run as this runtime; default: also make this the runtime that start uses',
      parse: parseChange,
    },
    runtime: { help: 'claude, codex, command, ...', parse: toRuntime },
  },
  options: {
    peer: { ...PEER, value: 'peer', help: 'change this peer' },
    all: { help: 'change every peer' },
    json: { help: 'print NDJSON: a line with one JSON object per peer' },
  },
  run: async ({ args: { action, runtime }, options: { peer, all, json } }) => {
    if ((peer === undefined) === !all)
      throw usageError(
        'expected either --peer or --all',
        'Use --peer NAME for one peer, or --all for every peer.',
      )
    const edit = EDITS[action](runtime)
    if (peer === undefined) return changeAll(edit, json)
    await change((await peerEntry(peer)).personality, edit, json)
  },
})
