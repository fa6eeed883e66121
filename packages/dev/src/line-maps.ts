import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec'

/** What the build writes, of the format's fields (https://tc39.es/ecma426/). */
export interface SourceMap {
  readonly version: 3
  readonly sources: readonly string[]
  /** Null for a source that the map only names. */
  readonly sourcesContent: readonly (string | null)[]
  readonly mappings: string
  readonly names: readonly string[]
}

/**
 * Returns a map of lines: the first place of each line, without columns, and only the sources that code is from. It is a
 * fifth smaller once packed.
 */
function lineMap(map: SourceMap): SourceMap {
  const used: number[] = []
  const toLine = ([segment]: SourceMapSegment[]): SourceMapSegment[] => {
    const [, source, line] = segment ?? []
    if (source === undefined || line === undefined) return []
    if (!used.includes(source)) used.push(source)
    return [[0, used.indexOf(source), line, 0]]
  }
  const mappings = encode(decode(map.mappings).map(toLine))
  const sources = used.map((index) => map.sources[index] ?? '')
  const sourcesContent = used.map((index) => map.sourcesContent[index] ?? null)
  return { version: 3, sources, sourcesContent, mappings, names: [] }
}

/** Every line stays where it is. */
const withoutDocComments = (text: string): string =>
  text.replace(/^[ \t]*\/\*\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]+/g, ''))

/**
 * Replaces every source map of a directory by its map of lines.
 * @param holds which sources a map holds; the others are only named
 * @param comments false: doc comments become empty lines
 */
export function writeLineMaps(directory: string, holds: (source: string) => boolean, comments = true): void {
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.js.map'))) {
    const path = join(directory, name)
    const map = lineMap(JSON.parse(readFileSync(path, 'utf8')))
    const contentOf = (source: string, at: number): string | null => {
      const file = resolve(directory, source)
      if (!holds(source)) return null
      // Code that comes from a package whose map only names it.
      const text = map.sourcesContent[at] || (existsSync(file) ? readFileSync(file, 'utf8') : null)
      return comments || text === null ? text : withoutDocComments(text)
    }
    writeFileSync(path, JSON.stringify({ ...map, sourcesContent: map.sources.map(contentOf) }))
  }
}
