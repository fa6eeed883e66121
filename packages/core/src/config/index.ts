export {
  type Config,
  type ConfigEntry,
  type ConfigProblem,
  configPath,
  readConfig,
  valuesOf,
  writeConfig,
} from './config-file.ts'
export { checkedText, FILE_SETTINGS, type FileSetting, shownText } from './config-values.ts'
