import { copyFileSync, mkdirSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

export default defineConfig(
  packageBuild(
    { index: 'src/index.ts' },
    {
      onSuccess: async () => {
        mkdirSync('dist/assets', { recursive: true })
        copyFileSync('assets/follow-pipe.sh', 'dist/assets/follow-pipe.sh')
      },
    },
  ),
)
