import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

// core is bundled: people install this package alone, so it has no dependency at all once published.
export default defineConfig(
  packageBuild(
    { index: 'src/index.ts', bin: 'src/bin/main.ts' },
    {
      noExternal: [/^@iapeer\/core/],
      // core's own package holds its sources; with them this one would have over 110 kB.
      mapHolds: (source) => !source.includes('/core/src/'),
      mapComments: false,
      // Types of core are found by path, so that they are bundled: by its name they would be imported.
      // Types of core are found by path, so that they are bundled: by its name they would be imported.
      declarations: { of: ['index'], paths: { '@iapeer/core/*': ['../core/dist/*.d.ts'] } },
    },
  ),
)
