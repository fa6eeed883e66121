export { configuredValues, settingText, useConfigured } from './configured.ts'
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
