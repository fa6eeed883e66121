// Prints the Homebrew formula of a version. usage: render-formula.mjs <tarball of @iapeer/cli> [--url <where it is published>]
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { cliManifest } from './pack-cli.mjs'

const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true })
const [tarball] = positionals
if (tarball === undefined) {
  process.stderr.write('usage: render-formula.mjs <tarball of @iapeer/cli> [--url <where it is published>]\n')
  process.exit(2)
}
const { name, version } = cliManifest()
const fields = {
  VERSION: version,
  URL: values.url ?? `https://registry.npmjs.org/${name}/-/cli-${version}.tgz`,
  SHA256: createHash('sha256').update(readFileSync(tarball)).digest('hex'),
}
const template = readFileSync(new URL('homebrew/iapeer.rb.in', import.meta.url), 'utf8')
process.stdout.write(template.replace(/@([A-Z0-9]+)@/g, (_, field) => fields[field]))
