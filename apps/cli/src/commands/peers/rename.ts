import { toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerFields, renameNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER, peerEntry } from './peer-named.ts'

export default defineCommand({
  name: 'rename',
  summary: 'give a peer another name; what runs of it goes on, and its home stays where it is',
  args: { peer: PEER, name: { help: 'the new name', parse: toPersonality } },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer, name }, options }) => {
    const { personality } = await peerEntry(peer)
    const { entry, formerly, running } = await renameNamed(iapeerRoot(), personality, name)
    if (options.json) {
      const went = running.map(({ identity, leader }) => ({ identity, leaderPid: leader.pid }))
      return printJson({ ...peerFields(entry), formerly, running: went })
    }
    print(`${formerly} is ${paint('bold', entry.personality)} now; its home stays ${entry.home}`)
    for (const { identity, leader } of running) {
      print(`  ${identity} goes on running (pid ${leader.pid}).`)
      print(`  The agent itself learns its name at its next start: iapeer refresh ${entry.personality}`)
    }
  },
})
