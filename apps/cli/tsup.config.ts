import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { build, defineConfig } from 'tsup'
import { appBuild } from '../../packages/dev/src/build.ts'

/** Copies the daemon's program into this package: `dist/iapeerd.js`. */
function copyDaemon(): void {
  const program = createRequire(import.meta.url).resolve('@iapeer/daemon/main')
  const text = readFileSync(program, 'utf8')
  writeFileSync(
    'dist/iapeerd.js',
    text.replace('sourceMappingURL=main.js.map', 'sourceMappingURL=iapeerd.js.map'),
  )
  copyFileSync(`${program}.map`, 'dist/iapeerd.js.map')
}

/** Builds the code of `iapeer list` apart: one file that holds only what a list needs loads in a third of the time. */
async function buildQuickList(): Promise<void> {
  await build({
    config: false,
    entry: { 'quick-list': 'src/quick-list.ts' },
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    outDir: 'dist',
    splitting: true,
    clean: false,
    silent: true,
    minifySyntax: true,
    minifyWhitespace: true,
    removeNodeProtocol: false,
    noExternal: [/^@iapeer\//],
    esbuildOptions: (options) => {
      options.chunkNames = 'quick/[name]-[hash]'
      options.logOverride = { 'ignored-bare-import': 'silent' }
    },
  })
}

export default defineConfig(
  appBuild(
    { main: 'src/main.ts' },
    {
      external: ['./quick-list.js'],
      afterBuild: async () => {
        copyDaemon()
        await buildQuickList()
      },
    },
  ),
)
