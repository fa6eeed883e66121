import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { peerNamed, presentIdentity } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { printFile } from '../../follow-file.ts'
import { PEER } from '../peers/peer-named.ts'
import { sessionName } from '../peers/session-name.ts'
import { advisedPeer } from './advised-peer.ts'
import { startAdvice } from './start-advice.ts'

/** Removes control sequences, unless the standard output is a terminal. */
const format = (text: string): string =>
  process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, '')

export default defineCommand({
  name: 'logs',
  exitCodes: { 3: 'no output yet', 4: 'no such peer' },
  summary: 'print the terminal output of a peer',
  args: { peer: PEER },
  options: { follow: { short: 'f', help: 'keep printing new output' } },
  run: async ({ args: { peer }, options }) => {
    const root = iapeerRoot()
    const named = await peerNamed(root, peer)
    const identity = await presentIdentity(root, named)
    const path = join(rootLayout(root).paneLogDir, `${identity}.log`)
    if (await printFile(path, { follow: options.follow, format })) return
    throw new IapeerError(`${sessionName(identity, named.entry.runtimes).shown} has no output yet`, {
      code: 'not-running',
      hint: startAdvice(peer, await advisedPeer(root, peer)),
    })
  },
})
