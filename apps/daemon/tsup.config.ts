import { defineConfig } from 'tsup'
import { packageBuild } from '../../packages/dev/src/build.ts'

export default defineConfig(packageBuild({ main: 'src/main.ts' }, { dts: false }))
