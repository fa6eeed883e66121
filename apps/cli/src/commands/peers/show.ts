import { iapeerRoot } from '@iapeer/core/paths'
import { profilePath, readProfile } from '@iapeer/core/profile'
import { peerFields, peerView, settleFleet } from '@iapeer/lifecycle/fleet'
import { finishLaunches } from '@iapeer/lifecycle/launch'
import { defineCommand } from '../../define-command.ts'
import { commandText, paint, plain, print, printJson } from '../../output.ts'
import { table } from '../../table.ts'
import { JSON_OUTPUT } from '../options.ts'
import { blockedText } from '../sessions/blocked-text.ts'
import { PERMISSIONS_TEXT } from './new-peer.ts'
import { PEER, peerEntry } from './peer-named.ts'
import { sessionName } from './session-name.ts'
import { stateText } from './state-text.ts'

/** Prints the fields of the profile; the registry's copy of a field is printed only if the profile is missing. */
export default defineCommand({
  name: 'show',
  summary: 'print everything about a peer',
  args: { peer: PEER },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer }, options }) => {
    await settleFleet(iapeerRoot())
    const entry = await peerEntry(peer)
    await finishLaunches(iapeerRoot())
    const view = await peerView(iapeerRoot(), peer)
    const profile = await readProfile(entry.home)
    const { permissions } = view
    const { wakePolicy, restart, afterReboot, idleSecs, initialPrompt, command } = profile ?? {}
    const settings = { wakePolicy, restart, afterReboot, idleSecs, initialPrompt, command }
    const interfaces = Object.keys(profile?.interfaces ?? entry.interfaces)
    const current = profile === undefined ? entry : { ...entry, ...profile, cwd: profile.cwd ?? entry.home }
    if (options.json) {
      printJson({ ...view, ...peerFields(current), identity: view.identity, ...settings, interfaces })
      return
    }
    const rows: [string, string | undefined][] = [
      [
        'runtimes',
        current.runtimes.map((one) => (one === current.defaultRuntime ? `${one} (default)` : one)).join(', '),
      ],
      ['state', stateText(view)],
      ['kind', current.intelligence],
      ['home', current.home],
      ['cwd', current.cwd === current.home ? undefined : current.cwd],
      ['permissions', permissions === undefined ? undefined : PERMISSIONS_TEXT[permissions]],
      ['wake policy', wakePolicy],
      ['restart', restart],
      ['after reboot', afterReboot],
      ['suspend after', idleSecs === undefined ? undefined : `${idleSecs} s idle`],
      ['command', command === undefined ? undefined : commandText(command)],
      ['interfaces', interfaces.length === 0 ? undefined : interfaces.join(', ')],
      ['first prompt', initialPrompt],
      ['profile', profile === undefined ? 'missing: iapeer verify' : profilePath(entry.home)],
    ]
    print(
      `${paint('bold', current.personality)}${current.description === '' ? '' : `  ${plain(current.description)}`}`,
    )
    const known = rows.flatMap(([key, value]) =>
      value === undefined ? [] : [[`  ${paint('dim', key)}`, plain(value)]],
    )
    print(table(known))
    const { state, identity, leaderPid, dialog, hint, screen } = view
    if (state === 'blocked' && leaderPid !== undefined)
      print(blockedText(sessionName(identity, view.runtimes), { leaderPid, dialog, hint, screen }))
  },
})
