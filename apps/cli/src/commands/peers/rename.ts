import { toPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerFields, renameNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from './peer-argument.ts'
import { peerEntry } from './peer-entry.ts'
import { sessionName } from './session-name.ts'

export default defineCommand({
  name: 'rename',
  exitCodes: { 4: 'no such peer' },
  summary: 'rename a peer; a running agent keeps running, and its home keeps its path',
  args: { peer: PEER, name: { help: 'the new name', parse: toPersonality } },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer, name }, options }) => {
    const { personality } = await peerEntry(peer)
    const { entry, formerly, running } = await renameNamed(iapeerRoot(), personality, name)
    if (options.json) {
      const sessions = running.map(({ identity, leader }) => ({ identity, leaderPid: leader.pid }))
      return printJson({ ...peerFields(entry), formerly, running: sessions })
    }
    print(`${formerly} is now ${paint('bold', entry.personality)}; its home stays ${entry.home}`)
    for (const { identity, leader } of running) {
      const { shown, argument } = sessionName(identity, entry.runtimes)
      print(`  ${shown} keeps running: pid ${leader.pid}`)
      print(`  The agent learns its new name when it is restarted: iapeer restart ${argument}`)
    }
  },
})
