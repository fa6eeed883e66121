import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

// zod/mini is bundled: what is used of it loads in a third of the time, which each command that asks the daemon pays.
export default defineConfig(
  packageBuild(
    {
      index: 'src/index.ts',
      mcp: 'src/mcp/index.ts',
      openapi: 'src/openapi.ts',
      routes: 'src/routes.ts',
    },
    { noExternal: ['zod'] },
  ),
)
