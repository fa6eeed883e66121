// Writes the public API of each published package to <package>/api.md. With `--check`, compares instead: prints the reports that differ
// with the first line that does, and exits 1. The packages must be built. `--root <directory>` reports another workspace than this one.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { apiReports } from '../api/report.mjs'

const { values } = parseArgs({ options: { check: { type: 'boolean' }, root: { type: 'string' } } })
const root = values.root ?? fileURLToPath(new URL('../../../', import.meta.url))

function isPublished(directory) {
  const file = join(directory, 'package.json')
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).private !== true
}

/** Returns the first line of a text that another text does not have in the same position, with its number. */
function firstDifference(before, after) {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const at = now.findIndex((line, index) => line !== old[index])
  const index = at === -1 ? now.length : at
  return `line ${index + 1}: ${JSON.stringify(old[index] ?? '')} is now ${JSON.stringify(now[index] ?? '')}`
}

const directories = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name))
  .filter(isPublished)
let differing = 0
for (const { directory, hasEntries, text } of apiReports(directories)) {
  if (!hasEntries) continue
  const file = join(directory, 'api.md')
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (before === text) continue
  if (values.check) {
    differing++
    process.stdout.write(`${relative(root, file)} is out of date, ${firstDifference(before, text)}\n`)
  } else writeFileSync(file, text)
}
if (differing > 0) {
  process.stdout.write(
    'If the API is meant to change, run pnpm generate:api, commit the report and add a changeset.\n',
  )
  process.exitCode = 1
}
