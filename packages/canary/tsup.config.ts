import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { minify } from 'terser'
import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

/** The scripts as they are shipped: without comments and indentation, which the sources have in plenty. */
function shipScripts(): void {
  mkdirSync('dist/assets', { recursive: true })
  for (const name of readdirSync('assets')) {
    const lines = readFileSync(`assets/${name}`, 'utf8').split('\n')
    const kept = lines.map((line) => line.trimStart()).filter((line) => !/^#(?!!)/.test(line) && line !== '')
    writeFileSync(`dist/assets/${name}`, `${kept.join('\n')}\n`)
  }
}

/** What esbuild has minified, once more: it leaves about two percent on the table. */
async function minifyMore(): Promise<void> {
  for (const name of readdirSync('dist').filter((one) => one.endsWith('.js'))) {
    const options = { module: true, ecma: 2020, compress: { passes: 3 } } as const
    const { code } = await minify(readFileSync(`dist/${name}`, 'utf8'), options)
    if (code !== undefined) writeFileSync(`dist/${name}`, code)
  }
}

// core is bundled: people install this package alone, so it has no dependency at all once published, and little to fetch:
// under 30 kB packed, for which scripts and types are shipped without the comments that their sources have.
export default defineConfig(
  packageBuild(
    { index: 'src/index.ts', bin: 'src/bin/main.ts' },
    {
      noExternal: [/^@iapeer\/core/],
      minify: true,
      dts: { entry: 'src/index.ts', compilerOptions: { ignoreDeprecations: '6.0', removeComments: true } },
      onSuccess: async () => {
        shipScripts()
        await minifyMore()
      },
    },
  ),
)
