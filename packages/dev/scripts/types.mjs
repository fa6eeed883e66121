// `types.mjs check` checks the types of the package in the present directory; `types.mjs declare` writes the declaration of each of
// its sources to .declarations, which the build joins into dist. Both use TypeScript 7, which needs about a sixth of the time of the
// version 6 that the other tools load as a library.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const manifest = createRequire(import.meta.url).resolve('typescript-7/package.json')
const DECLARATIONS = '.declarations'
const OPTIONS = {
  noEmit: false,
  declaration: true,
  emitDeclarationOnly: true,
  rootDir: '../src',
  outDir: '.',
}

/** Ends this process with the exit code of the compiler if that failed. */
function compile(project) {
  const { status, error } = spawnSync(
    process.execPath,
    [join(dirname(manifest), 'bin', 'tsc'), '-p', project],
    { stdio: 'inherit' },
  )
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

/** Lets each declaration import others by the names that the bundler of declarations resolves: `./a.js` for `./a.ts`. */
function renameImports() {
  for (const { name, parentPath } of readdirSync(DECLARATIONS, { recursive: true, withFileTypes: true })) {
    if (!name.endsWith('.d.ts')) continue
    const file = join(parentPath, name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/((?:from|import\() ?['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
  }
}

const [job] = process.argv.slice(2)
if (job === 'check') compile('.')
else if (job === 'declare') {
  rmSync(DECLARATIONS, { recursive: true, force: true })
  mkdirSync(DECLARATIONS)
  const project = join(DECLARATIONS, 'tsconfig.json')
  writeFileSync(
    project,
    JSON.stringify({ extends: '../tsconfig.json', compilerOptions: OPTIONS, include: ['../src'] }),
  )
  compile(project)
  renameImports()
} else {
  process.stderr.write('usage: types.mjs check|declare\n')
  process.exit(2)
}
