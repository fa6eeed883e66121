import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

// core is bundled: people install this package alone, so it has no dependency at all once published, and little to fetch.
export default defineConfig(
  packageBuild(
    { index: 'src/index.ts', bin: 'src/bin/main.ts' },
    { noExternal: [/^@iapeer\/core/], minify: true },
  ),
)
