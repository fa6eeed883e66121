import { defineConfig } from 'tsup'
import { packageBuild } from '../../packages/dev/src/build.ts'

// The composition alone is what the bench runs.
export default defineConfig(packageBuild({ main: 'src/main.ts', daemon: 'src/daemon.ts' }, { dts: false }))
