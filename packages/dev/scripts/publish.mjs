// Publishes each public package from its tarball with npm, in the order of their dependencies, unless the registry has that version
// already; then tags the commit. Provenance needs npm in a workflow with id-token: NPM_CONFIG_PROVENANCE=true. The packages must be built.
// `--dry-run` packs and rehearses: it asks no registry and sets no tag. After an error it can be started again: it continues, and sets
// the tags that are missing. --root <directory> publishes another repository than this one.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { 'dry-run': { type: 'boolean', default: false }, root: { type: 'string' } },
})
const isDryRun = values['dry-run']
const root = values.root ?? fileURLToPath(new URL('../../../', import.meta.url))
const run = (file, args, options) =>
  execFileSync(file, args, { cwd: root, encoding: 'utf8', timeout: 5 * 60_000, ...options })

/** Lists the public packages, each after the packages that it depends on. */
function publicPackages() {
  const all = ['packages', 'apps']
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map((directory) => ({
      directory,
      manifest: JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')),
    }))
    .filter(({ manifest }) => manifest.private !== true)
  const sorted = []
  const visit = (one) => {
    if (sorted.includes(one)) return
    for (const name of Object.keys(one.manifest.dependencies ?? {})) {
      const found = all.find(({ manifest }) => manifest.name === name)
      if (found !== undefined) visit(found)
    }
    sorted.push(one)
  }
  for (const one of all) visit(one)
  return sorted
}

/** Returns whether the registry has a version. */
function isPublished({ name, version }) {
  try {
    return run('npm', ['view', `${name}@${version}`, 'version', '--json'], { stdio: 'pipe' }).trim() !== ''
  } catch (error) {
    if (String(error.stdout).includes('E404')) return false
    throw error
  }
}

/** Tags the commit with a version, unless that tag exists. */
function tag({ name, version }) {
  const wanted = `${name}@${version}`
  if (run('git', ['tag', '--list', wanted]).trim() !== '') return
  run('git', ['tag', wanted])
  process.stdout.write(`New tag: ${wanted}\n`)
}

const into = mkdtempSync(join(tmpdir(), 'iapeer-publish-'))
try {
  for (const { directory, manifest } of publicPackages()) {
    const { name, version } = manifest
    if (!isDryRun && isPublished(manifest)) {
      process.stdout.write(`${name}@${version} is published already\n`)
      tag(manifest)
      continue
    }
    const [packed] = JSON.parse(run('npm', ['pack', directory, '--json', '--pack-destination', into]))
    const args = ['publish', join(into, packed.filename), '--access', 'public', '--tag', 'latest']
    run('npm', isDryRun ? [...args, '--dry-run', '--offline'] : args, {
      stdio: ['ignore', 'inherit', 'pipe'],
    })
    if (isDryRun) {
      process.stdout.write(`${name}@${version}: ${packed.entryCount} files, ${packed.size} bytes\n`)
      continue
    }
    tag(manifest)
  }
} finally {
  rmSync(into, { recursive: true, force: true })
}
