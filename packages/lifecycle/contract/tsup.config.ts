import { defineConfig } from 'tsup'
import { packageBuild } from '../../dev/src/build.ts'

export default defineConfig(
  packageBuild(
    { main: 'contract/main.ts', measure: 'contract/measure.ts' },
    { outDir: 'contract/dist', declarations: false, silent: true },
  ),
)
