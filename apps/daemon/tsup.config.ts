import { defineConfig } from 'tsup'
import { appBuild } from '../../packages/dev/src/build.ts'

// One file each: a daemon goes on while its package is replaced or removed. The composition alone is what the bench runs.
export default defineConfig(appBuild({ main: 'src/main.ts', daemon: 'src/daemon.ts' }, { splitting: false }))
