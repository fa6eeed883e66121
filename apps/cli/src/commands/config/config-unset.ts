import { readConfig, shownText, writeConfig } from '@iapeer/core/config'
import { iapeerRoot } from '@iapeer/core/paths'
import { describeDefault } from '@iapeer/core/settings'
import { defineCommand } from '../../define-command.ts'
import { plain, print } from '../../output.ts'
import { printWhenApplied } from './config-set.ts'
import { KEY } from './setting-key.ts'

export default defineCommand({
  name: 'config unset',
  summary: 'remove a setting from config.toml, so that its default applies',
  args: { key: KEY },
  run: async ({ args: { key: setting } }) => {
    const root = iapeerRoot()
    const entry = readConfig(root).entries.find((one) => one.setting.key === setting.key)
    await writeConfig(root, setting, undefined)
    const before = entry === undefined ? 'unset' : shownText(setting, entry.stated)
    print(plain(`${setting.key}: ${before} -> ${describeDefault(setting)} (the default)`))
    printWhenApplied(setting)
  },
})
