import type { Options } from 'tsup'

/** The one place that says how a package is built; a package's tsup.config.ts adds its entries. */
export function packageBuild(entry: Record<string, string>, extra: Options = {}): Options {
  return {
    entry,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    outDir: 'dist',
    clean: true,
    splitting: true,
    sourcemap: false,
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    ...extra,
  }
}
