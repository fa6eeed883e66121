import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

export default defineConfig(
  packageBuild(
    {
      index: 'src/index.ts',
      recorder: 'src/recorder/index.ts',
      'other-process': 'src/recorder/other-process-main.ts',
    },
    { declarations: { of: ['index', 'recorder'] } },
  ),
)
