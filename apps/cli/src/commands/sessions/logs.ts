import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { peerNamed, presentIdentity } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { printFile } from '../../follow-file.ts'
import { PEER } from '../peers/peer-named.ts'

/** On a terminal as it was printed; elsewhere without what steers a terminal. */
const shown = (text: string): string =>
  process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, '')

export default defineCommand({
  name: 'logs',
  summary: 'what the terminal of a peer has shown',
  args: { peer: PEER },
  options: { follow: { short: 'f', help: 'go on and print what comes' } },
  run: async ({ args: { peer }, options }) => {
    const root = iapeerRoot()
    const identity = await presentIdentity(root, await peerNamed(root, peer))
    const path = join(rootLayout(root).paneLogDir, `${identity}.log`)
    if (await printFile(path, { follow: options.follow, shown })) return
    throw new IapeerError(`nothing has been logged of ${identity}`, {
      code: 'not-running',
      hint: `iapeer start ${peer}`,
    })
  },
})
