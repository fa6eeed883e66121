import { type Config, type FileSetting, shownText } from '@iapeer/core/config'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { checkSetting, describeDefault } from '@iapeer/core/settings'

/** The value of a setting and where it comes from. A secret is masked. */
export interface Effective {
  /** Undefined if the setting has neither a value nor a default. */
  readonly value: string | undefined
  readonly from: 'environment' | 'config.toml' | 'default'
  /** The environment variable, or the line in the file. */
  readonly at?: string | number | undefined
  /** What is wrong with the value. */
  readonly problem?: string | undefined
}

/** Returns what is wrong with a setting in the environment. */
function problemOf(setting: FileSetting): string | undefined {
  try {
    checkSetting(process.env, setting)
    return undefined
  } catch (error) {
    if (!isIapeerError(error) || errnoOf(error) !== undefined) throw error
    return error.message
  }
}

/** Returns the value that applies to a command: that of the environment, else that of the file, else the default. */
export function effectiveValue(setting: FileSetting, { entries, problems }: Config): Effective {
  const { variable, key } = setting
  const inEnvironment = process.env[variable] || undefined
  if (inEnvironment !== undefined)
    return {
      value: shownText(setting, inEnvironment),
      from: 'environment',
      at: variable,
      problem: problemOf(setting),
    }
  const entry = entries.find((one) => one.setting.key === key)
  if (entry !== undefined)
    return { value: shownText(setting, entry.stated), from: 'config.toml', at: entry.line }
  const problem = problems.find((one) => one.setting?.key === key)?.message
  const value = setting.default === undefined ? undefined : describeDefault(setting)
  return { value, from: 'default', problem }
}
