import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, extname, join } from 'node:path'
import { EXIT_CODES } from '@iapeer/core/errors/catalogue'
import { build, defineConfig, type Options } from 'tsup'
import canary from '../../packages/canary/tsup.config.ts'
import core from '../../packages/core/tsup.config.ts'
import { appBuild } from '../../packages/dev/src/build.ts'
import { buildInChunks } from '../../packages/dev/src/chunked-build.ts'
import { manPages } from '../../packages/dev/src/man-pages.ts'
import drill from '../../packages/drill/tsup.config.ts'
import forensics from '../../packages/forensics/tsup.config.ts'
import host from '../../packages/host/tsup.config.ts'
import lifecycle from '../../packages/lifecycle/tsup.config.ts'
import protocol from '../../packages/protocol/tsup.config.ts'
import tmux from '../../packages/tmux/tsup.config.ts'
import manifest from './package.json' with { type: 'json' }
import usages from './src/commands/usages.json' with { type: 'json' }

/** Copies the completion script and the daemon's program into this package: `dist/completion.bash`, `dist/iapeerd.js`. */
function copyPrograms(): void {
  copyFileSync('assets/completion.bash', 'dist/completion.bash')
  const program = createRequire(import.meta.url).resolve('@iapeer/daemon/main')
  const text = readFileSync(program, 'utf8')
  writeFileSync(
    'dist/iapeerd.js',
    text.replace('sourceMappingURL=main.js.map', 'sourceMappingURL=iapeerd.js.map'),
  )
  copyFileSync(`${program}.map`, 'dist/iapeerd.js.map')
}

/** Writes the manual pages to `dist/man`. `SOURCE_DATE_EPOCH`, in seconds, sets their date. */
function writeManPages(): void {
  const epoch = process.env['SOURCE_DATE_EPOCH']
  const date = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)
  const used = Object.values(EXIT_CODES).filter((entry) => !('reserved' in entry))
  const pages = manPages({
    usages,
    version: manifest.version,
    date: date.toISOString().slice(0, 10),
    exitCodes: Object.fromEntries(
      used.map(({ code, meaning }) => [String(code), meaning.replaceAll('`', '')]),
    ),
  })
  mkdirSync('dist/man', { recursive: true })
  for (const [name, text] of pages) writeFileSync(join('dist/man', name), text)
}

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** What both parts of the quick list have in common. */
const QUICK = {
  config: false,
  format: 'esm',
  target: 'node20',
  platform: 'node',
  clean: false,
  silent: true,
  minifySyntax: true,
  minifyWhitespace: true,
  removeNodeProtocol: false,
  noExternal: [/^@iapeer\//],
} satisfies Options

/** Makes each dynamic import an import of `./quick/<name>.js`, and collects the files that these are to be built from. */
const collectLazyParts = (parts: Map<string, string>): Plugin => ({
  name: 'lazy-parts',
  setup: (bundler) => {
    bundler.onResolve({ filter: /^(\.|@iapeer\/)/ }, async ({ kind, path, importer, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const { path: file } = await bundler.resolve(path, { kind: 'import-statement', importer, resolveDir })
      const name = basename(file, extname(file))
      if ((parts.get(name) ?? file) !== file) throw new Error(`two lazy parts have the name ${name}`)
      parts.set(name, file)
      return { path: `./quick/${name}.js`, external: true }
    })
  },
})

/**
 * Builds the code of `iapeer list` apart, as one file that holds only what every list needs: it loads in half the time. What few
 * lists need is built into dist/quick in a second pass; if it were built in the same one, esbuild would put code that only these
 * parts use into files that every list loads.
 */
async function buildQuickList(): Promise<void> {
  const parts = new Map<string, string>()
  await build({
    ...QUICK,
    entry: { 'quick-list': 'src/quick-list.ts' },
    outDir: 'dist',
    splitting: false,
    esbuildPlugins: [collectLazyParts(parts)],
  })
  await build({ ...QUICK, entry: Object.fromEntries(parts), outDir: 'dist/quick', splitting: true })
}

/** Builds the code of all other commands, with the libraries that they load. */
const buildCommandLine = (): Promise<void> =>
  buildInChunks({
    entry: 'src/command-line.ts',
    name: 'command-line',
    packages: { canary, core, drill, forensics, host, lifecycle, protocol, tmux },
    // It cannot be bundled: it calls a `require` that is passed to it. It is loaded only to edit a profile.
    external: ['jsonc-parser'],
  })

export default defineConfig(
  appBuild(
    { main: 'src/main.ts' },
    {
      external: ['./quick-list.js', './command-line.js'],
      afterBuild: async () => {
        copyPrograms()
        writeManPages()
        await buildQuickList()
        await buildCommandLine()
      },
    },
  ),
)
