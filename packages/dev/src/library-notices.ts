import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SourceMap } from './line-maps.ts'

/** Where pnpm keeps the libraries, each in a directory such as `@scope+name@1.2.3`. */
const STORE = fileURLToPath(new URL('../../../node_modules/.pnpm/', import.meta.url))
/** The sources in the map of a library can have any path inside this directory. */
const IN_STORE = /\/node_modules\/\.pnpm\/(((?:@[^+/]+\+)?[^@/]+)@[^/]+)\//

/** Returns the libraries that sources belong to: their directories in the store, by name. */
function librariesOf(sources: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    sources.flatMap((source) => {
      const [, directory, name] = IN_STORE.exec(source) ?? []
      return directory === undefined || name === undefined ? [] : [[name.replace('+', '/'), directory]]
    }),
  )
}

/** Returns the license of a library as it has it: its file, or what its package.json names. */
function noticeOf(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const file = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one))
  const text = file === undefined ? `License: ${license}` : readFileSync(join(directory, file), 'utf8').trim()
  return `${name} ${version}\n\n${text}\n`
}

/** Writes the licenses of the libraries whose code a build has, by its source maps, to `third-party-licenses.txt`; no file without any. */
export function writeLibraryNotices(directory: string): void {
  const maps = readdirSync(directory).filter((name) => name.endsWith('.js.map'))
  const sources = maps.flatMap((name) => {
    const map: SourceMap = JSON.parse(readFileSync(join(directory, name), 'utf8'))
    return map.sources
  })
  const notices = [...librariesOf(sources)].map(([name, stored]) =>
    noticeOf(join(STORE, stored, 'node_modules', name)),
  )
  if (notices.length === 0) return
  const text = notices.sort().join(`\n${'-'.repeat(80)}\n\n`)
  writeFileSync(join(directory, 'third-party-licenses.txt'), text)
}
