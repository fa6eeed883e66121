import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

export default defineConfig(packageBuild({ index: 'src/index.ts' }))
