/** A program that reads a setting. */
export type SettingReader = 'commands' | 'daemon' | 'recorders' | 'iapeer-canary' | 'tests'

interface SettingBase {
  /** The name in a configuration file. A setting without a key is set in the environment only. */
  readonly key?: string
  /** The environment variable. */
  readonly variable: string
  /** One sentence for the documentation. */
  readonly description: string
  readonly readBy: readonly SettingReader[]
  /**
   * `daemon-start`: the daemon reads the setting only when it starts; it reads every other one again when `config.toml` changes.
   * `peer-start`: it counts from the next start of each peer.
   */
  readonly appliesAt?: 'daemon-start' | 'peer-start'
  /** The value is a secret: no file, message or log may show it. */
  readonly secret?: true
  /**
   * How the installed service treats the setting: `recorded` writes it into the service file. `withheld` leaves it out,
   * because other programs can read that file: for secrets, and for settings that are useless without a secret.
   */
  readonly service?: 'recorded' | 'withheld'
}

/** A number within limits, both included. */
export interface NumberSetting extends SettingBase {
  readonly type: 'number'
  /** The unit: `seconds`, `bytes`, `deaths`. */
  readonly unit: string
  readonly default: number | undefined
  readonly min: number
  /** No limit where it is left out. */
  readonly max?: number
  /** Whether a value may have a fraction. */
  readonly fractional?: true
}

/** A setting that is on or off. */
export interface SwitchSetting extends SettingBase {
  readonly type: 'switch'
  readonly default: boolean
}

/** A path, a list of directories, or another text. */
export interface TextSetting extends SettingBase {
  readonly type: 'path' | 'search path' | 'text'
  /** The default, in words. */
  readonly default: string | undefined
  /** What the setting accepts. @default any text */
  readonly accepts?: {
    readonly test: (text: string) => boolean
    /** What is expected, for the error: `HH:MM-HH:MM`. */
    readonly expected: string
  }
}

/** The address of a service that iapeer sends to. */
export interface UrlSetting extends SettingBase {
  readonly type: 'URL'
  readonly default: undefined
}

/** One entry of the table of settings. */
export type Setting = NumberSetting | SwitchSetting | TextSetting | UrlSetting
