import { defineConfig } from 'tsup'
import { writeAscii } from '../../packages/dev/src/ascii.ts'
import { appBuild, WITH_LIBRARIES } from '../../packages/dev/src/build.ts'

// One file each, so that a daemon keeps running while its package is replaced or removed. The bench imports the second file.
export default defineConfig(
  appBuild(
    { main: 'src/main.ts', daemon: 'src/daemon.ts' },
    { ...WITH_LIBRARIES, afterBuild: () => writeAscii('dist') },
  ),
)
