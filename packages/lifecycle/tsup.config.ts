import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

const DIRECTORIES = [
  'deaths',
  'eventlog',
  'fleet',
  'launch',
  'mail',
  'reap',
  'runtimes',
  'sessions',
  'supervise',
  'turns',
  'tokens',
]

export default defineConfig(
  packageBuild({
    index: 'src/index.ts',
    'fleet/status': 'src/fleet/status.ts',
    ...Object.fromEntries(DIRECTORIES.map((name) => [name, `src/${name}/index.ts`])),
  }),
)
