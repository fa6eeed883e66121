// Writes the files generated from causes.json and states.json. With --check it writes nothing and exits with 1 if a file is stale.
//   node packages/canary/scripts/generate.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { causeDocs, causeShell, causeTypeScript } from './causes.mjs'
import { between } from './region.mjs'
import { withStates } from './states.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')
const table = JSON.parse(read('packages/canary/causes.json'))

const RECORDS = 'docs/records.md'
const generated = new Map([
  ['packages/canary/assets/cause-table.sh', causeShell(table)],
  ['packages/forensics/src/cause-table.ts', causeTypeScript(table)],
  [RECORDS, between(read(RECORDS), 'causes', causeDocs(table))],
])

for (const owner of ['canary', 'tmux'])
  for (const [name, states] of Object.entries(JSON.parse(read(`packages/${owner}/states.json`)))) {
    const path = `packages/${owner}/assets/${name === 'hook' ? 'exit-hook' : name}.sh`
    generated.set(path, withStates(read(path), states, path))
  }

/** Returns the text of a file; undefined if it does not exist yet. */
function present(path) {
  try {
    return read(path)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

const stale = [...generated].filter(([path, text]) => present(path) !== text)
if (process.argv.includes('--check')) {
  for (const [path] of stale)
    process.stderr.write(
      `${path} is stale: run node ${relative(root, fileURLToPath(import.meta.url))} and commit the result\n`,
    )
  process.exitCode = stale.length === 0 ? 0 : 1
} else for (const [path, text] of stale) writeFileSync(join(root, path), text)
