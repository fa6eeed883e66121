import { IapeerError } from '../errors/index.ts'
import { settingText } from './configured.ts'
import { parseNotifyUrl } from './notify-url.ts'
import type { NumberSetting, Setting, SwitchSetting, TextSetting, UrlSetting } from './setting.ts'

type Env = Readonly<Record<string, string | undefined>>

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['1', true],
  ['true', true],
  ['yes', true],
  ['off', false],
  ['0', false],
  ['false', false],
  ['no', false],
])

/** Describes the values that a number setting accepts: `a number of seconds >= 0.1`. */
export function describeNumber({ unit, min, max, fractional }: NumberSetting): string {
  const kind = fractional === true ? 'a number' : 'a whole number'
  const value = unit === 'port' ? 'a port number' : `${kind} of ${unit}`
  return max === undefined ? `${value} >= ${min}` : `${value} from ${min} to ${max}`
}

function invalid(setting: Setting, text: string, expected: string): IapeerError {
  const shown = setting.secret === true ? '' : ` ${JSON.stringify(text)}`
  const fallback = setting.default === undefined ? '' : ` (default: ${describeDefault(setting)})`
  return new IapeerError(`invalid ${setting.variable}${shown}: expected ${expected}`, {
    code: 'bad-setting',
    hint: `Correct it, or unset it${fallback}.`,
  })
}

/** Describes the default of a setting: `on`, `60`, `unset`. */
export function describeDefault(setting: Setting): string {
  if (setting.type === 'switch') return setting.default ? 'on' : 'off'
  return setting.default === undefined ? 'unset' : String(setting.default)
}

/**
 * Reads a number. An empty text counts as unset.
 * @returns the default where it is unset
 * @throws IapeerError `bad-setting`
 */
export function readNumber<S extends NumberSetting>(env: Env, setting: S): number | S['default'] {
  const text = settingText(env, setting.variable)
  if (text === '') return setting.default
  const form = setting.fractional === true ? /^\d{1,15}(\.\d{1,9})?$/ : /^\d{1,15}$/
  const value = form.test(text) ? Number(text) : Number.NaN
  if (value >= setting.min && value <= (setting.max ?? value)) return value
  throw invalid(setting, text, describeNumber(setting))
}

/**
 * Reads a switch: on, off, 1, 0, true, false, yes or no, in any case. An empty text counts as unset.
 * @throws IapeerError `bad-setting`
 */
export function readSwitch(env: Env, setting: SwitchSetting): boolean {
  const text = settingText(env, setting.variable)
  if (text === '') return setting.default
  const value = WORDS.get(text.toLowerCase())
  if (value !== undefined) return value
  throw invalid(setting, text, 'on or off')
}

/** Reads a text. An empty text counts as unset. @throws IapeerError `bad-setting` if the setting does not accept it */
export function readText(env: Env, setting: TextSetting): string | undefined {
  const text = settingText(env, setting.variable) || undefined
  if (text === undefined || setting.accepts === undefined || setting.accepts.test(text)) return text
  throw invalid(setting, text, setting.accepts.expected)
}

/**
 * Reads the address of a service: an http or https URL without a user name or password. An empty text counts as unset.
 * @throws IapeerError `bad-setting`
 */
export function readUrl(env: Env, setting: UrlSetting): URL | undefined {
  const text = settingText(env, setting.variable)
  if (text === '') return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isUsable =
    url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  if (isUsable && parseNotifyUrl(text) === undefined)
    throw invalid(setting, text, 'a topic for ntfy.sh, and /bot<token>/sendMessage?chat_id=<id> for Telegram')
  if (isUsable) return url
  throw invalid(setting, text, 'an http or https URL without a user name or password')
}

/** Checks that the value of a setting is valid. @throws IapeerError `bad-setting` */
export function checkSetting(env: Env, setting: Setting): void {
  if (setting.type === 'number') readNumber(env, setting)
  if (setting.type === 'switch') readSwitch(env, setting)
  if (setting.type === 'URL') readUrl(env, setting)
  if (setting.type === 'text') readText(env, setting)
}
