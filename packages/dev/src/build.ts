import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Options } from 'tsup'
import { writeLineMaps } from './line-maps.ts'

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url))

interface Extra extends Omit<Options, 'onSuccess'> {
  /** Completes `dist`. */
  readonly afterBuild?: () => void
  /** Which sources the maps hold; the others are only named. @default all */
  readonly mapHolds?: (source: string) => boolean
  /** Whether the sources in the maps keep their doc comments, which the types have too. @default true */
  readonly mapComments?: boolean
}

/** The one place that says how a package is built; a package's tsup.config.ts adds its entries. */
export function packageBuild(
  entry: Record<string, string>,
  { afterBuild, mapHolds = () => true, mapComments = true, ...extra }: Extra = {},
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
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    esbuildOptions: (options) => {
      // Bundled code imports its own chunks for their side effects, of which package.json says that there are none.
      options.logOverride = { 'ignored-bare-import': 'silent' }
    },
    onSuccess: async () => {
      writeLineMaps('dist', mapHolds, mapComments)
      afterBuild?.()
    },
    ...extra,
  }
}

/** Copies the shell scripts of every package to `dist/assets/<package>`, where `@iapeer/core/locate` looks for them. */
function shipScripts(): void {
  for (const name of readdirSync(PACKAGES)) {
    const scripts = join(PACKAGES, name, 'assets')
    if (existsSync(scripts)) cpSync(scripts, join('dist', 'assets', name), { recursive: true })
  }
}

/** How an application is built: with all code of this repository, and its shell scripts; other libraries stay dependencies. */
export function appBuild(entry: Record<string, string>, { afterBuild, ...extra }: Extra = {}): Options {
  return packageBuild(entry, {
    dts: false,
    noExternal: [/^@iapeer\//],
    afterBuild: () => {
      shipScripts()
      afterBuild?.()
    },
    ...extra,
  })
}
