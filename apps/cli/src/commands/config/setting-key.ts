import { FILE_SETTINGS, type FileSetting } from '@iapeer/core/config'
import { IapeerError } from '@iapeer/core/errors'
import { didYouMean } from '../../did-you-mean.ts'

const KEYS = FILE_SETTINGS.map(({ key }) => key)

/** Returns the setting with this key, or with this environment variable. @throws IapeerError `unknown-setting` */
function parseKey(text: string): FileSetting {
  const found = FILE_SETTINGS.find(({ key, variable }) => key === text || variable === text)
  if (found !== undefined) return found
  throw new IapeerError(`unknown setting ${JSON.stringify(text)}`, {
    code: 'unknown-setting',
    hint: `${didYouMean(text, KEYS)} iapeer config list lists the settings.`.trim(),
  })
}

/** The argument `<key>`. */
export const KEY = { help: 'key of the setting, for example daemon.tick_secs', parse: parseKey } as const
