import { readConfig } from '@iapeer/core/config'
import { iapeerRoot } from '@iapeer/core/paths'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { plain, print } from '../../output.ts'
import { effectiveValue } from './effective.ts'
import { KEY } from './setting-key.ts'

export default defineCommand({
  name: 'config get',
  summary: 'print the value of a setting; a secret is masked. Exit code 1 if it has no value',
  args: { key: KEY },
  run: ({ args: { key } }) => {
    const { value, problem } = effectiveValue(key, readConfig(iapeerRoot()))
    if (problem !== undefined) process.stderr.write(`iapeer: ${problem}\n`)
    if (value !== undefined) return print(plain(value))
    process.stderr.write(`iapeer: ${key.key} has no value\n  Set it: iapeer config set ${key.key} VALUE\n`)
    process.exitCode = EXIT.failed
  },
})
