import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { IapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { statusOf } from '@iapeer/lifecycle'
import { printFile } from '../../follow-file.ts'
import { identitiesNamed } from '../../sessions.ts'

/** On a terminal as it was printed; elsewhere without what steers a terminal. */
const shown = (text: string): string =>
  process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, '')

/** The one that runs, else the default one. */
async function shownIdentity(identities: readonly Identity[]): Promise<string> {
  for (const identity of identities)
    if ((await statusOf(iapeerRoot(), identity)).session !== undefined) return identity
  return identities[0] ?? ''
}

export async function logs(peer: string, options: { readonly follow?: boolean }): Promise<void> {
  const { identities } = await identitiesNamed(peer)
  const identity = await shownIdentity(identities)
  const path = join(rootLayout(iapeerRoot()).paneLogDir, `${identity}.log`)
  if (await printFile(path, { follow: options.follow === true, shown })) return
  throw new IapeerError(`nothing has been logged of ${identity}`, {
    code: 'not-running',
    hint: `iapeer start ${peer}`,
  })
}
