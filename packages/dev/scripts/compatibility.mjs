// Writes docs/compatibility.md from packages/dev/compatibility/results.json.
//   compatibility.mjs                                    write the page
//   compatibility.mjs --check                            exit 1 if the page is out of date
//   compatibility.mjs --program tmux --version 3.6 --system "Arch Linux" --day 2026-11-30 <JSON report of vitest>...
//                                                        add the result of a run, and write the page
//   compatibility.mjs --expect Codex <JSON report of vitest>...
//                                                        fail if no test of a program ran
// --root <directory> reads and writes in another repository than this one.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { countsOf, pageOf, withResult } from '../compatibility/results.mjs'

const text = { type: 'string' }
const { values, positionals: reports } = parseArgs({
  options: {
    ...{ check: { type: 'boolean' }, root: text, program: text, version: text, system: text, day: text },
    expect: { type: 'string', multiple: true },
  },
  allowPositionals: true,
})
const root = values.root ?? fileURLToPath(new URL('../../../', import.meta.url))
const resultsFile = join(root, 'packages', 'dev', 'compatibility', 'results.json')
const pageFile = join(root, 'docs', 'compatibility.md')
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))

let results = json(resultsFile)
if (values.program !== undefined) {
  const { program, version = '', system = '', day = '' } = values
  results = withResult(results, { program, version, ...countsOf(reports.map(json), program), system, day })
  writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`)
}
if (values.expect !== undefined) {
  for (const program of values.expect) {
    const { passed, failed, skipped } = countsOf(reports.map(json), program)
    process.stdout.write(`${program}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  }
} else if (values.check) {
  if (readFileSync(pageFile, 'utf8') !== pageOf(results)) {
    process.stdout.write(
      'docs/compatibility.md is out of date: run node packages/dev/scripts/compatibility.mjs\n',
    )
    process.exitCode = 1
  }
} else writeFileSync(pageFile, pageOf(results))
