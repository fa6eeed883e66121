/** A registered symbol: packages that bundle this one have their own copy of this module, and share the values. */
const VALUES = Symbol.for('iapeer.configured')

/** Sets the values of the configuration file for this process, by environment variable. They replace the earlier ones. */
export function useConfigured(values: ReadonlyMap<string, string>): void {
  Reflect.set(globalThis, VALUES, new Map(values))
}

/** Returns the values that {@link useConfigured} set. */
export function configuredValues(): ReadonlyMap<string, string> {
  const values: unknown = Reflect.get(globalThis, VALUES)
  const found = new Map<string, string>()
  if (values instanceof Map)
    for (const [variable, value] of values)
      if (typeof variable === 'string' && typeof value === 'string') found.set(variable, value)
  return found
}

/** Returns the text of a setting: that of the environment, else that of the configuration file, else an empty text. */
export function settingText(env: Readonly<Record<string, string | undefined>>, variable: string): string {
  return env[variable] || configuredValues().get(variable) || ''
}
