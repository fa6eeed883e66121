import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { presentIdentity } from '@iapeer/lifecycle/fleet'
import { printFile } from '../../follow-file.ts'
import { identitiesNamed } from './running-session.ts'

/** On a terminal as it was printed; elsewhere without what steers a terminal. */
const shown = (text: string): string =>
  process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, '')

export async function logs(peer: string, options: { readonly follow?: boolean }): Promise<void> {
  const identity = await presentIdentity(iapeerRoot(), await identitiesNamed(peer))
  const path = join(rootLayout(iapeerRoot()).paneLogDir, `${identity}.log`)
  if (await printFile(path, { follow: options.follow === true, shown })) return
  throw new IapeerError(`nothing has been logged of ${identity}`, {
    code: 'not-running',
    hint: `iapeer start ${peer}`,
  })
}
