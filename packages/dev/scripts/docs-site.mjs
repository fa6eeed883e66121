// Builds the docs site from docs into dist/docs: `pnpm run docs`. It needs no network. (`pnpm docs` is a command of pnpm itself.)
// --dev serves the pages and shows changes at once, --preview serves what was built; --out <directory> sets another directory.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeApiPages } from '../site/api-pages.mjs'

const { values } = parseArgs({
  options: { dev: { type: 'boolean' }, preview: { type: 'boolean' }, out: { type: 'string' } },
})
const root = fileURLToPath(new URL('../../../', import.meta.url))
const docs = join(root, 'docs')

function vitepress(command, ...options) {
  const manifest = createRequire(import.meta.url).resolve('vitepress/package.json')
  const program = join(dirname(manifest), 'bin', 'vitepress.js')
  const { status, error } = spawnSync(process.execPath, [program, command, docs, ...options], {
    cwd: root,
    stdio: 'inherit',
  })
  if (error !== undefined) throw error
  process.exitCode = status ?? 1
}

if (values.preview) vitepress('preview')
else {
  await writeApiPages(join(docs, 'api'))
  const options = values.out === undefined ? [] : ['--outDir', values.out]
  vitepress(values.dev ? 'dev' : 'build', ...options)
}
