import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateDirectory } from '@iapeer/dev/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { FILE_SETTINGS, type FileSetting, readConfig, valuesOf, writeConfig } from '../src/config/index.ts'
import { readNumber, SETTINGS, useConfigured } from '../src/settings/index.ts'

const directories: ReturnType<typeof privateDirectory>[] = []
afterEach(async () => {
  useConfigured(new Map())
  for (const one of directories.splice(0)) await one.remove()
})

function rootWith(text?: string): { readonly root: string; readonly read: () => string } {
  const directory = privateDirectory()
  directories.push(directory)
  const root = join(directory.path, 'root')
  mkdirSync(root)
  const path = join(root, 'config.toml')
  if (text !== undefined) writeFileSync(path, text)
  return { root, read: () => readFileSync(path, 'utf8') }
}

function setting(key: string): FileSetting {
  const found = FILE_SETTINGS.find((one) => one.key === key)
  if (found === undefined) throw new Error(`no setting ${key}`)
  return found
}

const messages = (root: string, env = {}) => readConfig(root, env).problems.map(({ message }) => message)

describe('writing a setting', () => {
  const COMMENTED = `# mine
[daemon] # the daemon
tick_secs = 30 # slow
autostart = true

[notify]
# off at night
desktop = false
`
  it.each([
    [
      'replaces a value and keeps its comment',
      COMMENTED,
      'daemon.tick_secs',
      '5',
      COMMENTED.replace('30', '5'),
    ],
    [
      'adds to a table',
      COMMENTED,
      'notify.webhook_url',
      'https://a.example/x',
      `${COMMENTED}webhook_url = "https://a.example/x"\n`,
    ],
    ['adds a table', COMMENTED, 'peers.idle_secs', '9', `${COMMENTED}\n[peers]\nidle_secs = 9\n`],
    ['removes a line', COMMENTED, 'notify.desktop', undefined, COMMENTED.replace('desktop = false\n', '')],
    ['leaves a file without the key as it is', COMMENTED, 'api.port', undefined, COMMENTED],
    [
      'keeps CR LF',
      '[daemon]\r\ntick_secs = 1\r\n',
      'daemon.tick_secs',
      '2',
      '[daemon]\r\ntick_secs = 2\r\n',
    ],
    [
      'adds to dotted keys',
      'daemon.tick_secs = 1\n',
      'daemon.autostart',
      'off',
      'daemon.tick_secs = 1\ndaemon.autostart = false\n',
    ],
    [
      'reads a # inside a text as text',
      '[notify]\nwebhook_url = "https://a.example/#x" # c\n',
      'notify.webhook_url',
      'https://b.example/#y',
      '[notify]\nwebhook_url = "https://b.example/#y" # c\n',
    ],
  ])('%s', async (_what, before, key, value, after) => {
    const { root, read } = rootWith(before)
    await writeConfig(root, setting(key), value)
    expect(read()).toBe(after)
  })

  it('creates the file with mode 0600, and takes the access of others from an existing one', async () => {
    const { root } = rootWith()
    await writeConfig(root, setting('daemon.tick_secs'), '5')
    expect(statSync(join(root, 'config.toml')).mode & 0o777).toBe(0o600)
    const open = rootWith('[daemon]\n')
    await writeConfig(open.root, setting('daemon.tick_secs'), '5')
    expect(statSync(join(open.root, 'config.toml')).mode & 0o777).toBe(0o600)
    expect(readdirSync(open.root)).toEqual(['config.toml'])
  })

  it.each([
    ['not TOML', 'a = = 1\n', 'corrupt-config'],
    ['a table in one line', 'daemon = { autostart = true }\n', 'config-not-edited'],
    [
      'a text of several lines that looks like the key',
      '[daemon]\nx = """\ntick_secs = 1\n"""\n',
      'config-not-edited',
    ],
  ])('refuses a file with %s, and leaves it as it is', async (_what, before, code) => {
    const { root, read } = rootWith(before)
    await expect(writeConfig(root, setting('daemon.tick_secs'), '5')).rejects.toMatchObject({ code })
    expect(read()).toBe(before)
  })
})

describe('reading the file', () => {
  it('gives values that the environment overrides, and that defaults follow', () => {
    const { root } = rootWith('[daemon]\ntick_secs = 5\n')
    useConfigured(valuesOf(readConfig(root)))
    expect(readNumber({}, SETTINGS.tickSecs)).toBe(5)
    expect(readNumber({ IAPEER_TICK_SECS: '7' }, SETTINGS.tickSecs)).toBe(7)
    expect(readNumber({ IAPEER_TICK_SECS: '' }, SETTINGS.tickSecs)).toBe(5)
    expect(readNumber({}, SETTINGS.crashloopMax)).toBe(3)
  })

  it('names the file, the line, and what it expects; the other settings count', () => {
    const { root } = rootWith('[daemon]\ntick_secs = 0\nautostart = 1\nspeed = 1\n[peers]\nidle_secs = 4\n')
    expect(messages(root)).toEqual([
      expect.stringMatching(
        /config\.toml:2: invalid daemon\.tick_secs "0": expected a number of seconds >= 0\.1$/,
      ),
      expect.stringMatching(/config\.toml:3: invalid daemon\.autostart: expected true or false$/),
      expect.stringMatching(/config\.toml:4: unknown setting daemon\.speed$/),
    ])
    expect([...valuesOf(readConfig(root))]).toEqual([['IAPEER_IDLE_SECS', '4']])
  })

  it('gives the line and the column of a file that is not TOML, and shows the line', () => {
    const { root } = rootWith('[daemon]\ntick_secs = = 5\n')
    expect(messages(root)).toEqual([expect.stringMatching(/config\.toml:2:13: .*: tick_secs = = 5$/)])
  })

  it('reads secrets from a file or the environment, and names what is missing without a value', () => {
    const { root } = rootWith('[api]\ntoken = "env:TOKEN"\n')
    expect(valuesOf(readConfig(root, { TOKEN: ' s3cret \n' })).get('IAPEER_BEARER_TOKEN')).toBe('s3cret')
    expect(messages(root)).toEqual([expect.stringContaining('api.token is env:TOKEN, but that')])
    const path = join(root, 'secret')
    writeFileSync(path, 'from-file\n')
    writeFileSync(join(root, 'config.toml'), `[api]\ntoken = "file:${path}"\n`)
    expect(valuesOf(readConfig(root)).get('IAPEER_BEARER_TOKEN')).toBe('from-file')
    writeFileSync(path, '')
    expect(messages(root)).toEqual([expect.stringContaining('does not exist or is empty')])
  })

  it('is empty without a file', () => {
    expect(readConfig(rootWith().root)).toMatchObject({ entries: [], problems: [] })
  })
})
