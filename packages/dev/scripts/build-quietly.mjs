// Builds a package and its dependencies. Prints nothing unless the build fails, so that only the command that follows prints.
import { spawnSync } from 'node:child_process'

const [name] = process.argv.slice(2)
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }
const { status, stdout, error } = spawnSync(
  'turbo',
  ['run', 'build', `--filter=${name}`, '--output-logs=errors-only'],
  { env, encoding: 'utf8' },
)
if (error !== undefined) throw error
if (status !== 0) {
  process.stderr.write(stdout)
  process.exit(1)
}
