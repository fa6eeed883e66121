import { defineConfig } from 'tsup'
import { packageBuild } from '../dev/src/build.ts'

// zod/mini is bundled: what is used of it loads in a third of the time, which every command of the CLI pays.
export default defineConfig(
  packageBuild(
    {
      index: 'src/index.ts',
      async: 'src/async/index.ts',
      cgroup: 'src/cgroup/index.ts',
      config: 'src/config/index.ts',
      envelope: 'src/codec/envelope/index.ts',
      errors: 'src/errors/index.ts',
      'errors/catalogue': 'src/errors/catalogue/index.ts',
      exec: 'src/exec/index.ts',
      identity: 'src/identity/index.ts',
      json: 'src/codec/json-fields.ts',
      libraries: 'src/libraries.ts',
      limits: 'src/limits/index.ts',
      locate: 'src/locate.ts',
      logfmt: 'src/codec/logfmt.ts',
      mailbox: 'src/mailbox/index.ts',
      names: 'src/names/index.ts',
      paths: 'src/paths/index.ts',
      process: 'src/process/index.ts',
      profile: 'src/profile/index.ts',
      registry: 'src/registry/index.ts',
      settings: 'src/settings/index.ts',
      spool: 'src/spool/index.ts',
      storage: 'src/storage/index.ts',
    },
    { noExternal: ['zod'] },
  ),
)
