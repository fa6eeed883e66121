import { checkedText, type FileSetting, readConfig, shownText, writeConfig } from '@iapeer/core/config'
import { iapeerRoot } from '@iapeer/core/paths'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { plain, print } from '../../output.ts'
import { KEY } from './setting-key.ts'

const LOCAL = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** Rejects `http:` addresses of other hosts, as every network on the way could read what is sent. @throws IapeerError `usage` */
function assertEncrypted(key: string, value: string): void {
  for (const [address] of value.matchAll(/http:\/\/[^\s,]+/gi)) {
    const host = URL.canParse(address) ? new URL(address).hostname : ''
    if (!LOCAL.test(host))
      throw usageError(
        `${key} would send to ${host} without encryption`,
        'Use https:, or pass --insecure if that network is trusted.',
      )
  }
}

/** Prints when a change applies, and whether the environment hides it. */
export function printWhenApplied({ key, variable, appliesAt, readBy }: FileSetting): void {
  if (process.env[variable])
    process.stderr.write(`iapeer: ${variable} is set in this environment and wins over ${key}\n`)
  if (appliesAt === 'daemon-start') print('  applies when the daemon starts: iapeer daemon restart')
  else if (appliesAt === 'peer-start') print('  applies from the next start of each peer')
  else if (readBy.includes('daemon')) print('  applies now; a running daemon reads it within seconds')
  else print('  applies now')
}

export default defineCommand({
  name: 'config set',
  summary: 'set a setting in config.toml; other lines and comments stay',
  args: {
    key: KEY,
    value: { help: 'the value; a token or a webhook URL can be file:PATH or env:NAME' },
  },
  options: { insecure: { help: 'accept an http: address of another host than this one' } },
  run: async ({ args: { key: setting, value }, options: { insecure } }) => {
    const { key } = setting
    if (value === '') throw usageError('the value is empty', `Use iapeer config unset ${key}.`)
    const root = iapeerRoot()
    const unset = setting.secret === true ? /^env:(\w+)$/.exec(value)?.[1] : undefined
    if (unset !== undefined && !process.env[unset])
      process.stderr.write(`iapeer: ${unset} is not set here; the daemon needs it in its environment\n`)
    else {
      const text = checkedText(setting, value, process.env)
      if (!insecure) assertEncrypted(key, text)
    }
    const entry = readConfig(root).entries.find((one) => one.setting.key === key)
    const before = entry === undefined ? 'unset' : shownText(setting, entry.stated)
    await writeConfig(root, setting, value)
    print(plain(`${key}: ${before} -> ${shownText(setting, value)}`))
    printWhenApplied(setting)
  },
})
