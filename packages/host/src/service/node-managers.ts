import { join } from 'node:path'
import { namesIn, readRegularFile } from '@iapeer/core/storage'

/** Aliases may name aliases (`default` -> `lts/*` -> `lts/iron` -> `v20.19.0`), and could go round. */
const MOST_ALIASES = 5

const numbers = (version: string): number[] => version.replace(/^v/, '').split('.').map(Number)

function newest(versions: readonly string[]): string | undefined {
  const ordered = versions.toSorted((a, b) => {
    const [left, right] = [numbers(a), numbers(b)]
    const at = left.findIndex((number, location) => number !== right[location])
    return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0)
  })
  return ordered.at(-1)
}

const installed = async (directory: string): Promise<string[]> =>
  (await namesIn(join(directory, 'versions', 'node'))).filter((name) => /^v\d+\.\d+\.\d+$/.test(name))

/** The installed version (`v20.19.0`) that nvm's alias `default` means, as nvm resolves it; undefined when none. */
export async function defaultNvmVersion(directory: string): Promise<string | undefined> {
  const versions = await installed(directory)
  let alias = 'default'
  for (let step = 0; step < MOST_ALIASES; step++) {
    if (/^v?\d+(\.\d+){0,2}$/.test(alias)) {
      const wanted = `v${alias.replace(/^v/, '')}`
      return newest(versions.filter((version) => version === wanted || version.startsWith(`${wanted}.`)))
    }
    if (alias === 'node' || alias === 'stable') return newest(versions)
    // An alias is a path below alias/, and never above it.
    if (alias.split('/').includes('..')) return undefined
    const text = (await readRegularFile(join(directory, 'alias', alias)))?.text.trim()
    if (text === undefined || text === '') return undefined
    alias = text
  }
  return undefined
}

/** The version (`20.19.0`) that volta runs outside projects; undefined when none is set. */
export async function defaultVoltaVersion(directory: string): Promise<string | undefined> {
  const text = (await readRegularFile(join(directory, 'tools', 'user', 'platform.json')))?.text
  return /"runtime"\s*:\s*"([^"]+)"/.exec(text ?? '')?.[1]
}
