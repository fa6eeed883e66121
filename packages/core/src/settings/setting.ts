/** A program that reads a setting. */
export type SettingReader = 'commands' | 'daemon' | 'recorders' | 'iapeer-canary' | 'tests'

interface SettingBase {
  /** Its name in a configuration file; a setting without one is set in the environment alone. */
  readonly key?: string
  /** The environment variable. */
  readonly variable: string
  /** One sentence, as documentation has it. */
  readonly description: string
  readonly readBy: readonly SettingReader[]
  /** It holds a secret: no file, message or log may show its value. */
  readonly secret?: true
  /**
   * What the installed service does with it: `recorded` writes it into the file of the service; `withheld` leaves it out,
   * because that file is no place for a secret, or for what is useless without one.
   */
  readonly service?: 'recorded' | 'withheld'
}

/** A number within limits, both included. */
export interface NumberSetting extends SettingBase {
  readonly type: 'number'
  /** What it counts: `seconds`, `bytes`, `deaths`. */
  readonly unit: string
  readonly default: number | undefined
  readonly min: number
  readonly max: number
  /** A fraction is possible. */
  readonly fractional?: true
}

/** On or off. */
export interface SwitchSetting extends SettingBase {
  readonly type: 'switch'
  readonly default: boolean
}

/** A path, an address or another text. */
export interface TextSetting extends SettingBase {
  readonly type: 'path' | 'search path' | 'text'
  /** What holds where it is not set, for a person. */
  readonly default: string | undefined
}

/** The address of a service that iapeer sends to. */
export interface UrlSetting extends SettingBase {
  readonly type: 'URL'
  readonly default: undefined
}

/** One entry of the table of settings. */
export type Setting = NumberSetting | SwitchSetting | TextSetting | UrlSetting
