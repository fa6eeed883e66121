import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'

/** What is added to a death when it is looked at, and may be all that is left of it. */
const LATER = /\.(?:addendum|verdict|conversation)$/

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
   * Returns whether a death has files. Its claim is there before its record. The generation decides: the files of a renamed peer have
   * its earlier name. The directory is listed once.
   * @throws the Node.js system error
   */
  async has({ gen }: ExitRecord): Promise<boolean> {
    this.#gens ??= this.#read()
    return gen !== undefined && (await this.#gens).has(gen)
  }

  async #read(): Promise<ReadonlySet<string>> {
    const names = await namesIn(this.#directory)
    return new Set(
      names.flatMap((name) => (LATER.test(name) ? [] : (/-([0-9a-f]{16})\./.exec(name)?.[1] ?? []))),
    )
  }
}
