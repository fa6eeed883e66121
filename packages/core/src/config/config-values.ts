import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { IapeerError } from '../errors/index.ts'
import { checkSetting, SETTINGS, type Setting } from '../settings/index.ts'
import { readIfExists } from '../storage/read-if-exists.ts'

/** A setting that can be in the configuration file. */
export type FileSetting = Setting & { readonly key: string }

const isFileSetting = (setting: Setting): setting is FileSetting => setting.key !== undefined

const ALL: readonly Setting[] = Object.values(SETTINGS)

/** Every setting that can be in the configuration file, in the order of the documentation. */
export const FILE_SETTINGS: readonly FileSetting[] = ALL.filter(isFileSetting)

const bad = (message: string, hint: string): IapeerError =>
  new IapeerError(message, { code: 'bad-setting', hint })

/** Returns the text of a secret that is stated as `file:PATH` or `env:NAME`. @throws IapeerError `bad-setting` */
function resolveSecret({ key }: FileSetting, text: string, env: NodeJS.ProcessEnv): string {
  const [, kind, name = ''] = /^(file|env):(.+)$/s.exec(text) ?? []
  if (kind === undefined) return text
  const path = name.startsWith('~/') ? join(homedir(), name.slice(2)) : name
  if (kind === 'file' && !isAbsolute(path))
    throw bad(`invalid ${key} "file:${name}": expected an absolute path`, 'Use file:/PATH or file:~/PATH.')
  const found = kind === 'env' ? env[name] : readSecret(key, path)
  const value = found?.trim() ?? ''
  if (value !== '') return value
  throw bad(
    kind === 'env'
      ? `${key} is env:${name}, but that environment variable is not set`
      : `${key} is file:${name}, but that file does not exist or is empty`,
    kind === 'env' ? `Set ${name} where iapeer and its daemon start.` : 'Write the secret into that file.',
  )
}

function readSecret(key: string, path: string): string | undefined {
  try {
    return readIfExists(path)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw bad(`${key} is file:${path}, which cannot be read: ${error.message}`, 'Check its owner and mode.')
  }
}

/** Returns the setting with its key as its name, so that an error names the key. */
const byKey = (setting: FileSetting): FileSetting => ({ ...setting, variable: setting.key })

/**
 * Checks the text of a setting with the limits of its type, and returns it; that of a secret is resolved.
 * @throws IapeerError `bad-setting`
 */
export function checkedText(setting: FileSetting, text: string, env: NodeJS.ProcessEnv): string {
  const { key, type, secret } = setting
  const value = secret === true ? resolveSecret(setting, text, env) : text
  checkSetting({ [key]: value }, byKey(setting))
  if (type === 'path' && !isAbsolute(value))
    throw bad(`invalid ${key} ${JSON.stringify(value)}: expected an absolute path`, 'Start it with /.')
  return value
}

/**
 * Returns the text of a value in the file, as an environment variable would have it.
 * @throws IapeerError `bad-setting`
 */
export function textOfValue(setting: FileSetting, value: unknown): string {
  const { key, type } = setting
  if (type === 'number' && typeof value === 'number') return String(value)
  if (type === 'switch' && typeof value === 'boolean') return value ? 'on' : 'off'
  if (type !== 'number' && typeof value === 'string' && value !== '') return value
  const expected = { number: 'a number, without quotes', switch: 'true or false' }
  const kind = type === 'number' || type === 'switch' ? expected[type] : 'a text in quotes that is not empty'
  throw bad(`invalid ${key}: expected ${kind}`, `Set it with: iapeer config set ${key} VALUE`)
}

/** Returns a value in the form of the file. @param text a text that {@link checkedText} accepts */
export function tomlOf({ type }: FileSetting, text: string): string {
  if (type === 'number') return String(Number(text))
  if (type === 'switch') return String(/^(on|1|true|yes)$/i.test(text))
  return JSON.stringify(text).replace(/\u007f/g, '\\u007F')
}

/** Returns the text of a setting as it may be shown: a reference to a secret, but not the secret. */
export const shownText = ({ secret }: FileSetting, text: string): string =>
  secret === true && !/^(file|env):/.test(text) ? '********' : text
