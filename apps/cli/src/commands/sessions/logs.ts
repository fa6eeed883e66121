import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { presentIdentity } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { printFile } from '../../follow-file.ts'
import { PEER } from '../peers/peer-named.ts'
import { identitiesNamed } from './running-session.ts'

/** On a terminal as it was printed; elsewhere without what steers a terminal. */
const shown = (text: string): string =>
  process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, '')

export default defineCommand({
  name: 'logs',
  summary: 'what the terminal of a peer has shown',
  args: { peer: PEER },
  options: { follow: { short: 'f', help: 'go on and print what comes' } },
  run: async ({ args: { peer }, options }) => {
    const identity = await presentIdentity(iapeerRoot(), await identitiesNamed(peer))
    const path = join(rootLayout(iapeerRoot()).paneLogDir, `${identity}.log`)
    if (await printFile(path, { follow: options.follow, shown })) return
    throw new IapeerError(`nothing has been logged of ${identity}`, {
      code: 'not-running',
      hint: `iapeer start ${peer}`,
    })
  },
})
