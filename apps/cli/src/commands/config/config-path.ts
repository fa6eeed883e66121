import { configPath } from '@iapeer/core/config'
import { iapeerRoot } from '@iapeer/core/paths'
import { defineCommand } from '../../define-command.ts'
import { print } from '../../output.ts'

export default defineCommand({
  name: 'config path',
  summary: 'print the path of config.toml, which need not exist',
  run: () => print(configPath(iapeerRoot())),
})
