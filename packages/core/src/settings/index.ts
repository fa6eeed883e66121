export { configuredValues, settingText, useConfigured } from './configured.ts'
export { type MemoryReserve, parseMemoryReserve } from './memory-reserve.ts'
export {
  NOTIFY_FORMATS,
  type NotifyFormat,
  type NotifyTarget,
  parseNotifyUrl,
  wordsOf,
} from './notify-url.ts'
export { DEFAULT_NOTIFY_WORDS, NOTIFY_WORDS, type NotifyWord, QUIET_HOURS } from './notify-words.ts'
export { type ModelPrice, parsePrices, priceOf } from './prices.ts'
export {
  checkSetting,
  describeDefault,
  describeNumber,
  readNumber,
  readSwitch,
  readText,
  readUrl,
} from './read.ts'
export type {
  NumberSetting,
  Setting,
  SettingReader,
  SwitchSetting,
  TextSetting,
  UrlSetting,
} from './setting.ts'
export { SETTINGS } from './table.ts'
export { FOREIGN_VARIABLES, INTERNAL_VARIABLES, PEER_VARIABLES, type Variable } from './variables.ts'
