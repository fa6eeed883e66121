import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'

/**
 * The deaths that have files of their own: the newest 500, as a rule. A record is kept longer than the files of its death. Without any of
 * them, evidence would be collected again and again, since each file that is added alone is removed as that of an old death.
 */
export class FiledDeaths {
  readonly #directory: string
  #gens: Promise<ReadonlySet<string>> | undefined

  constructor(root: string) {
    this.#directory = rootLayout(root).records.deathsDir
  }

  /**
   * Returns whether a death has its claim, which is there before its record, or its snapshot. The generation decides: the files of a
   * renamed peer have its earlier name. The directory is listed once.
   * @throws the Node.js system error
   */
  async has({ gen }: ExitRecord): Promise<boolean> {
    this.#gens ??= this.#read()
    return gen !== undefined && (await this.#gens).has(gen)
  }

  async #read(): Promise<ReadonlySet<string>> {
    const names = await namesIn(this.#directory)
    return new Set(names.flatMap((name) => /-([0-9a-f]{16})\.(?:claim|txt)$/.exec(name)?.[1] ?? []))
  }
}
