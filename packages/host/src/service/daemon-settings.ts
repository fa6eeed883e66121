import { checkSetting, SETTINGS, type Setting } from '@iapeer/core/settings'

const ALL: readonly Setting[] = Object.values(SETTINGS)

/**
 * Returns the settings in the environment of the command: `recorded` are written into the service, `withheld` are not, because they
 * are secrets or need one.
 * @throws IapeerError `bad-setting`
 */
export function daemonSettings(env: NodeJS.ProcessEnv): {
  readonly recorded: Readonly<Record<string, string>>
  readonly withheld: readonly string[]
} {
  const recorded: Record<string, string> = {}
  const withheld: string[] = []
  for (const setting of ALL) {
    const value = env[setting.variable] ?? ''
    if (setting.service === undefined || value === '') continue
    if (setting.service === 'withheld') withheld.push(setting.variable)
    else {
      checkSetting(env, setting)
      recorded[setting.variable] = value
    }
  }
  return { recorded, withheld }
}
