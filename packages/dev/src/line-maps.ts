import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec'

/** The fields of a source map (https://tc39.es/ecma426/) that the build writes. */
export interface SourceMap {
  readonly version: 3
  readonly sources: readonly string[]
  /** Null for a source that the map only names. */
  readonly sourcesContent: readonly (string | null)[]
  readonly mappings: string
  readonly names: readonly string[]
}

/**
 * Returns a source map with only the first position of each line, without columns, and only the sources that the code comes
 * from. The packed package is a fifth smaller.
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

/** Removes doc comments but keeps their line breaks, so that line numbers stay the same. */
const withoutDocComments = (text: string): string =>
  text.replace(/^[ \t]*\/\*\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]+/g, ''))

/**
 * Replaces every source map of a directory by a line map.
 * @param holds returns whether a map contains a source; other sources are only named
 * @param comments false replaces doc comments by empty lines
 */
export function writeLineMaps(directory: string, holds: (source: string) => boolean, comments = true): void {
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.js.map'))) {
    const path = join(directory, name)
    const map = lineMap(JSON.parse(readFileSync(path, 'utf8')))
    const contentOf = (source: string, at: number): string | null => {
      const file = resolve(directory, source)
      if (!holds(source)) return null
      // The map of another package may only name a source: then its file is read.
      const text = map.sourcesContent[at] || (existsSync(file) ? readFileSync(file, 'utf8') : null)
      return comments || text === null ? text : withoutDocComments(text)
    }
    writeFileSync(path, JSON.stringify({ ...map, sourcesContent: map.sources.map(contentOf) }))
  }
}
