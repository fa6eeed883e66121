import { isDeepStrictEqual } from 'node:util'
import { type Config, type ConfigProblem, FILE_SETTINGS, readConfig, valuesOf } from '@iapeer/core/config'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { useConfigured } from '@iapeer/core/settings'
import { DirectoryWatch } from '@iapeer/lifecycle/eventlog'
import type { Logger } from 'pino'

/** How often the file is read if the system reports no change; the files of secrets are outside of the watched directory. */
const EVERY_MS = 5_000

const AT_START = FILE_SETTINGS.filter(({ appliesAt }) => appliesAt === 'daemon-start').map(
  ({ variable }) => variable,
)

const keysOf = ({ entries }: Config): string[] => entries.map(({ setting }) => setting.key)

/** The configuration file of a daemon: its values apply to this process, and are read again when the file changes. */
export class ConfigReload {
  readonly #root: string
  readonly #env: NodeJS.ProcessEnv
  readonly #atStart: ReadonlyMap<string, string>
  #config: Config
  #problems: readonly ConfigProblem[] = []
  /** Why the last reload failed. */
  #failure: string | undefined

  /** Reads the file and applies its valid values. @param env the environment of secrets stated as `env:NAME` */
  constructor(root: string, env: NodeJS.ProcessEnv) {
    this.#root = root
    this.#env = env
    this.#config = readConfig(root, env)
    this.#atStart = valuesOf(this.#config)
    useConfigured(this.#atStart)
  }

  /** Returns what is wrong with the file, without its content, which can have secrets. */
  problems(): { readonly id: string; readonly what: string }[] {
    const found = this.#problems.map(({ withoutContent }) => withoutContent)
    const [first, ...more] = this.#failure === undefined ? found : [this.#failure, ...found]
    if (first === undefined) return []
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`
    return [
      {
        id: 'config',
        what: `config.toml is not applied, the last good settings stay in force: ${first}${others}`,
      },
    ]
  }

  /** Applies each change of the file until this process exits. A file with a problem is logged and changes nothing. */
  async follow(log: Logger, apply: () => Promise<void>): Promise<void> {
    this.#report(log, this.#config)
    const watch = new DirectoryWatch(this.#root)
    const { signal } = new AbortController()
    for (;;) {
      await watch.wait(EVERY_MS, signal)
      try {
        await this.#reload(log, apply)
        this.#failure = undefined
      } catch (error) {
        // The file cannot be read now, or a setting of the environment is invalid: the former values stay.
        if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
        this.#failure = errnoOf(error) ?? (error instanceof Error ? error.message : undefined)
        log.error({ err: error }, 'config.toml was not applied')
      }
    }
  }

  async #reload(log: Logger, apply: () => Promise<void>): Promise<void> {
    const config = readConfig(this.#root, this.#env)
    this.#report(log, config)
    if (config.problems.length > 0) return
    const values = valuesOf(config)
    if (isDeepStrictEqual(values, valuesOf(this.#config))) return
    this.#config = config
    for (const variable of AT_START) {
      const former = this.#atStart.get(variable)
      if (former === undefined) values.delete(variable)
      else values.set(variable, former)
    }
    useConfigured(values)
    await apply()
    log.info({ settings: keysOf(config) }, 'config.toml was applied')
  }

  #report(log: Logger, { problems }: Config): void {
    if (isDeepStrictEqual(problems, this.#problems)) return
    this.#problems = problems
    for (const { message } of problems)
      log.error({ problem: message }, 'config.toml has a problem; the last good values stay')
    if (problems.length === 0) log.info('config.toml has no problem any more')
  }
}
