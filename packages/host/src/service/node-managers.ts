import { join } from 'node:path'
import { namesIn, readRegularFile } from '@iapeer/core/storage'

/** The limit for aliases that name aliases (`default` -> `lts/*` -> `lts/iron` -> `v20.19.0`): they may form a cycle. */
const MOST_ALIASES = 5

const numbers = (version: string): number[] => version.replace(/^v/, '').split('.').map(Number)

function newest(versions: readonly string[]): string | undefined {
  const ordered = versions.toSorted((a, b) => {
    const [left, right] = [numbers(a), numbers(b)]
    const at = left.findIndex((number, index) => number !== right[index])
    return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0)
  })
  return ordered.at(-1)
}

const installed = async (directory: string): Promise<string[]> =>
  (await namesIn(join(directory, 'versions', 'node'))).filter((name) => /^v\d+\.\d+\.\d+$/.test(name))

/** Returns the installed version (`v20.19.0`) to which nvm resolves its alias `default`; undefined if there is none. */
export async function defaultNvmVersion(directory: string): Promise<string | undefined> {
  const versions = await installed(directory)
  let alias = 'default'
  for (let step = 0; step < MOST_ALIASES; step++) {
    if (/^v?\d+(\.\d+){0,2}$/.test(alias)) {
      const wanted = `v${alias.replace(/^v/, '')}`
      return newest(versions.filter((version) => version === wanted || version.startsWith(`${wanted}.`)))
    }
    if (alias === 'node' || alias === 'stable') return newest(versions)
    // An alias is a path below alias/. It must not leave that directory.
    if (alias.split('/').includes('..')) return undefined
    const text = (await readRegularFile(join(directory, 'alias', alias)))?.text.trim()
    if (text === undefined || text === '') return undefined
    alias = text
  }
  return undefined
}

/** Returns the version (`20.19.0`) that volta runs outside projects; undefined if none is set. */
export async function defaultVoltaVersion(directory: string): Promise<string | undefined> {
  const text = (await readRegularFile(join(directory, 'tools', 'user', 'platform.json')))?.text
  return /"runtime"\s*:\s*"([^"]+)"/.exec(text ?? '')?.[1]
}
