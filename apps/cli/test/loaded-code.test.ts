import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isFullCampaign } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { type Home, homes } from './support.ts'

const newHome = homes()
const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const KIB = 1024

/** What a command loads of `dist`. */
interface Loaded {
  readonly files: readonly string[]
  readonly kib: number
  /** The sources of these files. */
  readonly sources: readonly string[]
}

function sourcesOf(file: string): readonly string[] {
  const map = join(DIST, `${file}.map`)
  const { sources }: { sources: string[] } = existsSync(map)
    ? JSON.parse(readFileSync(map, 'utf8'))
    : { sources: [file] }
  return sources
}

/** Runs a command and returns what it has loaded: the report of its coverage names each file. */
async function loadedBy(home: Home, words: readonly string[]): Promise<Loaded> {
  const reports = mkdtempSync(join(home.path, 'coverage-'))
  const { exitCode, stderr } = await home.iapeerWith({ NODE_V8_COVERAGE: reports }, ...words)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const urls = readdirSync(reports).flatMap((name) => {
    const { result }: { result: { url: string }[] } = JSON.parse(readFileSync(join(reports, name), 'utf8'))
    return result.map(({ url }) => url)
  })
  const dist = pathToFileURL(DIST).href
  const files = urls.filter((url) => url.startsWith(dist)).map((url) => url.slice(dist.length))
  const bytes = files.reduce((sum, file) => sum + statSync(join(DIST, file)).size, 0)
  return { files, kib: Math.round(bytes / KIB), sources: files.flatMap(sourcesOf) }
}

/** Libraries and parts that a command which is often used does not need. */
const RARE =
  /node_modules\/(?:@modelcontextprotocol|@bomb\.sh|ws|execa|pino-pretty)\/|src\/commands\/(?:demo\/demo|drill\/drill|mcp\/serve)\.ts$|host\/src\/doctor\/(?:run-doctor|checks)/
/** Only commands that read profiles or ask the daemon need it. */
const SCHEMAS = /node_modules\/zod\//

/** The commands with the most files and KiB that each may load: up to a fifth more than when these numbers were written. */
const LIMITS: readonly { words: string; files: number; kib: number; never?: RegExp }[] = [
  { words: '--version', files: 5, kib: 265, never: SCHEMAS },
  { words: 'list', files: 3, kib: 220, never: SCHEMAS },
  { words: 'start bob', files: 17, kib: 550 },
  // Of a peer that runs, other commands ask the tmux server.
  { words: 'stop bob', files: 15, kib: 530 },
  { words: 'status', files: 22, kib: 880 },
  { words: 'show bob', files: 30, kib: 1_150 },
  { words: 'send --as operator ann hello', files: 21, kib: 1_000 },
  { words: 'deaths', files: 21, kib: 950 },
]

it('commands that are often used load only the code that they need', async () => {
  const home = newHome()
  for (const name of ['ann', 'bob']) await home.iapeer('create', name, '--', 'sleep', '1000')
  await home.iapeer('daemon', 'start')
  try {
    for (const { words, files, kib, never } of isFullCampaign() ? LIMITS : LIMITS.slice(0, 3)) {
      const loaded = await loadedBy(home, words.split(' '))
      const parts = loaded.sources.flatMap((source) => (RARE.exec(source) ?? never?.exec(source))?.[0] ?? [])
      expect
        .soft(
          [...new Set(parts)],
          `iapeer ${words} loads code that it does not need: import it where it is used`,
        )
        .toEqual([])
      const size = `iapeer ${words} loads ${loaded.files.length} files, ${loaded.kib} KiB`
      expect.soft(loaded.files.length, `${size}: at most ${files} files`).toBeLessThanOrEqual(files)
      expect.soft(loaded.kib, `${size}: at most ${kib} KiB`).toBeLessThanOrEqual(kib)
    }
  } finally {
    await home.iapeer('stop', '--all')
    await home.iapeer('daemon', 'stop')
  }
}, 120_000)
