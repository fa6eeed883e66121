import { iapeerRoot } from '@iapeer/core/paths'
import { profilePath, readProfile } from '@iapeer/core/profile'
import { peerFields, peerView, settleFleet } from '@iapeer/lifecycle/fleet'
import { finishLaunches } from '@iapeer/lifecycle/launch'
import { defineCommand } from '../../define-command.ts'
import { commandText, paint, plain, print, printJson } from '../../output.ts'
import { table } from '../../table.ts'
import { JSON_OUTPUT } from '../options.ts'
import { blockedText } from '../sessions/blocked-text.ts'
import { PEER, peerEntry } from './peer-named.ts'
import { stateWords } from './state-words.ts'

/** Profile and entry as one; what the profile says is shown, since it is the truth. */
export default defineCommand({
  name: 'show',
  summary: 'all that its profile says',
  args: { peer: { ...PEER, help: 'its name, or an identity of it (claude-bob)' } },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer }, options }) => {
    await settleFleet(iapeerRoot())
    const entry = await peerEntry(peer)
    await finishLaunches(iapeerRoot())
    const view = await peerView(iapeerRoot(), peer)
    const profile = await readProfile(entry.home)
    const { wakePolicy, restart, afterReboot, idleSecs, initialPrompt, command } = profile ?? {}
    const said = { wakePolicy, restart, afterReboot, idleSecs, initialPrompt, command }
    const interfaces = Object.keys(profile?.interfaces ?? entry.interfaces)
    const current = profile === undefined ? entry : { ...entry, ...profile, cwd: profile.cwd ?? entry.home }
    if (options.json) {
      printJson({ ...view, ...peerFields(current), identity: view.identity, ...said, interfaces })
      return
    }
    const rows: [string, string | undefined][] = [
      [
        'runtimes',
        current.runtimes.map((one) => (one === current.defaultRuntime ? `${one} (default)` : one)).join(', '),
      ],
      ['state', stateWords(view)],
      ['kind', current.intelligence],
      ['home', current.home],
      ['cwd', current.cwd === current.home ? undefined : current.cwd],
      ['wake policy', wakePolicy],
      ['restart', restart],
      ['after reboot', afterReboot],
      ['idle', idleSecs === undefined ? undefined : `${idleSecs} s`],
      ['command', command === undefined ? undefined : commandText(command)],
      ['interfaces', interfaces.length === 0 ? undefined : interfaces.join(', ')],
      ['first prompt', initialPrompt],
      ['profile', profile === undefined ? 'missing: iapeer verify' : profilePath(entry.home)],
    ]
    print(
      `${paint('bold', current.personality)}${current.description === '' ? '' : `  ${plain(current.description)}`}`,
    )
    const stated = rows.flatMap(([key, value]) =>
      value === undefined ? [] : [[`  ${paint('dim', key)}`, plain(value)]],
    )
    print(table(stated))
    const { state, identity, leaderPid, dialog, hint, screen } = view
    if (state === 'blocked' && leaderPid !== undefined)
      print(blockedText({ identity, leaderPid, dialog, hint, screen }))
  },
})
