import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { defineConfig } from 'tsup'
import { appBuild } from '../../packages/dev/src/build.ts'

/** Copies the completion script and the daemon's program into this package: `dist/completion.bash`, `dist/iapeerd.js`. */
function copyPrograms(): void {
  copyFileSync('assets/completion.bash', 'dist/completion.bash')
  const program = createRequire(import.meta.url).resolve('@iapeer/daemon/main')
  const text = readFileSync(program, 'utf8')
  writeFileSync(
    'dist/iapeerd.js',
    text.replace('sourceMappingURL=main.js.map', 'sourceMappingURL=iapeerd.js.map'),
  )
  copyFileSync(`${program}.map`, 'dist/iapeerd.js.map')
}

export default defineConfig(appBuild({ main: 'src/main.ts' }, { afterBuild: copyPrograms }))
