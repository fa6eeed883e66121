import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Options } from 'tsup'
import { writeLibraryNotices } from './library-notices.ts'
import { writeLineMaps } from './line-maps.ts'

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url))

interface Declarations {
  /** The names of the entries that have declarations. @default all */
  readonly of?: readonly string[]
  /** Where the declarations of imported packages are that become a part of these (`paths` of TypeScript). @default none */
  readonly paths?: Record<string, string[]>
}

interface Extra extends Omit<Options, 'onSuccess' | 'dts'> {
  /** What of the package has declarations; `false` if nothing. @default every entry */
  readonly declarations?: Declarations | false
  /** Runs after the build, for example to add files to `dist`. */
  readonly afterBuild?: () => void | Promise<void>
  /** Returns whether the source maps contain a source; other sources are only named. @default every source */
  readonly mapHolds?: (source: string) => boolean
  /** Whether the sources in the maps keep their doc comments, which the declarations contain too. @default true */
  readonly mapComments?: boolean
}

/** Returns how the declarations that `types.mjs declare` has written become one file for each entry. */
function joinDeclarations(entry: Record<string, string>, { of, paths }: Declarations) {
  const names = of ?? Object.keys(entry)
  const written = (source = '') => source.replace(/^src\/(.*)\.ts$/, '.declarations/$1.d.ts')
  return {
    entry: Object.fromEntries(names.map((name) => [name, written(entry[name])])),
    compilerOptions: { ignoreDeprecations: '6.0', ...(paths && { paths }) },
  }
}

/** Returns the build options of a package; its tsup.config.ts passes its entries. */
export function packageBuild(
  entry: Record<string, string>,
  { afterBuild, mapHolds = () => true, mapComments = true, declarations = {}, ...extra }: Extra = {},
): Options {
  return {
    entry,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    outDir: 'dist',
    clean: true,
    splitting: true,
    sourcemap: true,
    removeNodeProtocol: false,
    dts: declarations && joinDeclarations(entry, declarations),
    esbuildOptions: (options) => {
      // Bundled code imports its own chunks for side effects, although package.json declares that there are none.
      options.logOverride = { 'ignored-bare-import': 'silent' }
    },
    onSuccess: async () => {
      await afterBuild?.()
      writeLineMaps('dist', mapHolds, mapComments)
      writeLibraryNotices('dist')
    },
    ...extra,
  }
}

/** Libraries of CommonJS call `require` for modules of Node.js. */
const REQUIRE = [
  "import { createRequire as iapeerCreateRequire } from 'node:module'",
  'const require = iapeerCreateRequire(import.meta.url)',
].join('\n')

/**
 * The options of a file that contains the libraries it loads: Node.js needs half the processor time for it that it needs for their
 * hundred and more files.
 */
export const WITH_LIBRARIES = {
  // jsonc-parser cannot be bundled: it calls a `require` that is passed to it. It is loaded only to edit a profile.
  noExternal: [/^(?!jsonc-parser$)/],
  splitting: false,
  banner: { js: REQUIRE },
} satisfies Options

/** Copies the shell scripts of every package to `dist/assets/<package>`, where `@iapeer/core/locate` looks for them. */
function shipScripts(): void {
  for (const name of readdirSync(PACKAGES)) {
    const scripts = join(PACKAGES, name, 'assets')
    if (existsSync(scripts)) cpSync(scripts, join('dist', 'assets', name), { recursive: true })
  }
}

/** Returns the build options of an application: it bundles all code and shell scripts of this repository; other libraries stay dependencies. */
export function appBuild(entry: Record<string, string>, { afterBuild, ...extra }: Extra = {}): Options {
  return packageBuild(entry, {
    declarations: false,
    noExternal: [/^@iapeer\//],
    afterBuild: async () => {
      shipScripts()
      await afterBuild?.()
    },
    ...extra,
  })
}
