// Checks every Markdown page: each relative link and anchor leads somewhere, and each code block is run by a test or marked as one
// that is not run. Prints `file:line: message` for each fault, and exits 1 where there is one.
// --root <directory> checks another git working tree than this one.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { blockFaults } from '../links/block-faults.mjs'
import { linkChecker } from '../links/link-faults.mjs'
import { readMarkdown } from '../links/markdown.mjs'

const { values } = parseArgs({ options: { root: { type: 'string' } } })
const root = values.root ?? fileURLToPath(new URL('../../../', import.meta.url))

/** A page that `pnpm bench` writes; links to it are right before it was written. */
const PRODUCED = ['docs/benchmarks.md']

/** Records of agents' terminals and the like. */
const NOT_PAGES = /(?:^|\/)(?:fixtures|cases|screens)\/|^packages\/[^/]+\/api\.md$/

/** Files that git tracks or would track, as far as they exist. */
function repositoryFiles() {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const text = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 })
  return [...new Set(text.split('\0'))].filter((path) => path !== '' && existsSync(join(root, path))).sort()
}

const files = repositoryFiles()
const pages = new Map(
  files
    .filter((path) => path.endsWith('.md') && !NOT_PAGES.test(path))
    .map((path) => [path, readMarkdown(readFileSync(join(root, path), 'utf8'), path)]),
)
const linkFaults = linkChecker({ files, pages, produced: PRODUCED })

for (const [path, page] of pages) {
  for (const { line, message } of [...linkFaults(path), ...blockFaults(path, page)]) {
    process.stdout.write(`${path}:${line}: ${message}\n`)
    process.exitCode = 1
  }
}
