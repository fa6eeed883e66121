import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  assertStablePaths,
  installService,
  lastingPath,
  planService,
  type ServiceSystem,
  serviceStatus,
  startService,
  thisServiceSystem,
  uninstallService,
} from '../src/index.ts'

const track = asyncCleanups()

/** Keeps what it was told in a log, and whether the unit is enabled and runs in two files. */
const SYSTEMCTL = `#!/bin/sh
shift
echo "$*" >> "$FAKE/log"
case "$*" in
*Version) echo Version=252 ;;
enable*) : > "$FAKE/enabled" ;;
restart*|start*) [ -e "$FAKE/broken" ] && { echo "Job failed. See logs." >&2; exit 1; }; : > "$FAKE/active" ;;
disable*) rm -f "$FAKE/enabled" "$FAKE/active" ;;
show*) [ -e "$FAKE/enabled" ] && echo UnitFileState=enabled || echo UnitFileState=
  [ -e "$FAKE/active" ] && printf 'ActiveState=active\\nMainPID=4711\\n' || printf 'ActiveState=inactive\\nMainPID=0\\n'
  [ ! -e "$FAKE/result" ] || cat "$FAKE/result" ;;
esac
`
const LAUNCHCTL = `#!/bin/sh
echo "$*" >> "$FAKE/log"
case "$1" in
version) echo Darwin ;;
bootstrap) [ -e "$FAKE/draining" ] && { rm "$FAKE/draining"; echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }
  : > "$FAKE/active" ;;
bootout) rm -f "$FAKE/active" ;;
print) [ -e "$FAKE/active" ] || exit 113; printf 'x = {\\n\\tstate = running\\n\\tpid = 4711\\n}\\n' ;;
esac
`

function setup(
  platform: NodeJS.Platform,
  scripts: Readonly<Record<string, string>> = { systemctl: SYSTEMCTL, launchctl: LAUNCHCTL },
) {
  const directory = privateDirectory()
  track(directory.remove)
  const at = (...parts: string[]): string => join(directory.path, ...parts)
  for (const name of ['bin', 'home', 'fake', 'linger', 'root']) mkdirSync(at(name))
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(at('bin', name), text)
    chmodSync(at('bin', name), 0o755)
  }
  const system: ServiceSystem = {
    platform,
    env: { PATH: `${at('bin')}:/usr/bin:/bin`, FAKE: at('fake') },
    home: at('home'),
    uid: 501,
    user: 'me',
    temporaryDirectories: ['/nowhere'],
    lingerDir: at('linger'),
  }
  const spec = { root: at('root'), node: '/usr/bin/node', entry: at('main.js'), path: '/usr/bin:/bin' }
  /** What was told the manager since the last look, questions left out. */
  const told = (): string[] => {
    const log = at('fake', 'log')
    if (!existsSync(log)) return []
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
    rmSync(log)
    return lines.filter((line) => !/^(show|print|version)/.test(line))
  }
  return { at, system, spec, told, path: planService(spec, system).path }
}

describe('a systemd service', () => {
  it('is installed, known, left as it is by a second install, and removed twice without harm', async () => {
    const { system, spec, told, path, at } = setup('linux')
    expect(path).toBe(at('home', '.config', 'systemd', 'user', 'iapeerd.service'))
    expect(await serviceStatus(spec.root, system)).toMatchObject({
      installed: false,
      foreign: false,
      active: false,
    })

    expect(await installService(spec, system)).toMatchObject({ state: 'installed', path, lingers: false })
    expect(told()).toEqual(['daemon-reload', 'enable iapeerd.service', 'restart iapeerd.service'])
    expect(readFileSync(path, 'utf8')).toBe(planService(spec, system).text)
    const status = {
      manager: 'systemd',
      installed: true,
      foreign: false,
      enabled: true,
      active: true,
      pid: 4711,
    }
    expect(await serviceStatus(spec.root, system)).toMatchObject(status)

    const { mtimeMs, ino } = statSync(path)
    expect(await installService(spec, system)).toMatchObject({ state: 'already' })
    expect(told()).toEqual(['daemon-reload', 'enable iapeerd.service', 'start iapeerd.service'])
    expect(statSync(path)).toMatchObject({ mtimeMs, ino })

    expect(await uninstallService(spec.root, system)).toEqual({ state: 'uninstalled', path })
    expect(told()).toEqual(['disable --now iapeerd.service', 'daemon-reload'])
    expect(existsSync(path)).toBe(false)
    expect(await uninstallService(spec.root, system)).toEqual({ state: 'none', path })
    expect(told()).toEqual([])
  })

  it('is updated and restarted when something of it has changed, in $XDG_CONFIG_HOME too', async () => {
    const { system, spec, told, at } = setup('linux')
    const elsewhere = { ...system, env: { ...system.env, XDG_CONFIG_HOME: at('config') } }
    writeFileSync(at('linger', 'me'), '')
    await installService(spec, elsewhere)
    told()
    const updated = await installService({ ...spec, path: '/opt/bin' }, elsewhere)
    expect(updated).toMatchObject({ state: 'updated', lingers: true })
    expect(updated.path).toBe(at('config', 'systemd', 'user', 'iapeerd.service'))
    expect(told()).toContain('restart iapeerd.service')
  })

  it.each([
    ['a file of somebody else', (path: string) => writeFileSync(path, '[Service]\nExecStart=/bin/true\n')],
    ['a masked unit', (path: string) => symlinkSync('/dev/null', path)],
    ['a link to nowhere', (path: string) => symlinkSync('/nowhere/at-all', path)],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('%s is left alone by install and uninstall', async (_what, make) => {
    const { system, spec, told, path } = setup('linux')
    mkdirSync(dirname(path), { recursive: true })
    make(path)
    await expect(installService(spec, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    await expect(uninstallService(spec.root, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    expect(told()).toEqual([])
    expect(await serviceStatus(spec.root, system)).toMatchObject({ installed: false, foreign: true })
  })

  it('that of another root is left alone, and named', async () => {
    const { system, spec, told, at, path } = setup('linux')
    await installService(spec, system)
    told()
    const other = { ...spec, root: at('50% --other') }
    await expect(installService(other, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    await expect(uninstallService(other.root, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    expect(told()).toEqual([])
    expect(await serviceStatus(other.root, system)).toMatchObject({ installed: false, otherRoot: spec.root })
    await uninstallService(spec.root, system)
    await installService(other, system)
    expect(await serviceStatus(other.root, system)).toMatchObject({ installed: true })
    expect(readFileSync(path, 'utf8')).not.toContain('50% --other\n')
  })

  it('without a service manager nothing is written, and what was is still removed', async () => {
    const { system, spec, path, at } = setup('linux')
    const failing = '#!/bin/sh\necho "Failed to connect to bus: No medium found" >&2\nexit 1\n'
    const without = setup('linux', { systemctl: failing })
    await expect(installService(without.spec, without.system)).rejects.toMatchObject({
      code: 'no-service-manager',
      message: expect.stringContaining('Failed to connect to bus'),
      hint: expect.stringContaining('iapeer daemon start'),
    })
    expect(existsSync(without.path)).toBe(false)
    const bare = { ...system, env: { PATH: at('nothing') } }
    await expect(installService(spec, bare)).rejects.toMatchObject({ code: 'no-service-manager' })

    await installService(spec, system)
    mkdirSync(join(dirname(path), 'default.target.wants'))
    symlinkSync(path, join(dirname(path), 'default.target.wants', 'iapeerd.service'))
    expect(await serviceStatus(spec.root, bare)).toMatchObject({
      installed: true,
      active: false,
      noManager: 'there is no systemctl',
    })
    expect(await uninstallService(spec.root, bare)).toMatchObject({ state: 'uninstalled' })
    expect(existsSync(join(dirname(path), 'default.target.wants', 'iapeerd.service'))).toBe(false)
  })

  it('that does not run says why, and what of it is gone', async () => {
    const { system, spec, at } = setup('linux')
    writeFileSync(at('main.js'), '')
    const odd = at(`50% "$x" it's \\.js`)
    writeFileSync(odd, '')
    await installService({ ...spec, node: process.execPath, entry: odd }, system)
    expect(await serviceStatus(spec.root, system)).toMatchObject({ gone: undefined, why: undefined })
    rmSync(odd)
    expect(await serviceStatus(spec.root, system)).toMatchObject({ active: true, gone: odd })
    rmSync(at('fake', 'active'))
    const said = async (facts: string) => {
      writeFileSync(at('fake', 'result'), facts)
      return (await serviceStatus(spec.root, system)).why
    }
    expect(await said('Result=exit-code\nExecMainStatus=203\n')).toBe('its program cannot be run')
    expect(await said('Result=exit-code\nExecMainStatus=1\n')).toBe('it ended with exit code 1')
    expect(await said('Result=signal\nExecMainStatus=9\n')).toBe('it was ended by SIGKILL')
    expect(await said('Result=watchdog\nExecMainStatus=6\n')).toBe('it was silent for too long')
    expect(await said('Result=of-a-later-version\n')).toBe('of-a-later-version')
    expect(await said('Result=success\nExecMainStatus=0\n')).toBeUndefined()
  })

  it('a start that fails says what systemd said, and can be repeated', async () => {
    const { system, spec, at } = setup('linux')
    writeFileSync(at('fake', 'broken'), '')
    await expect(installService(spec, system)).rejects.toMatchObject({
      code: 'service-manager-failed',
      message: 'systemctl --user restart iapeerd.service failed: Job failed. See logs.',
    })
    rmSync(at('fake', 'broken'))
    await installService(spec, system)
    expect(await serviceStatus(spec.root, system)).toMatchObject({ active: true })
  })
})

describe('starting the installed service', () => {
  it('starts that of this root alone, and leaves it enabled or disabled as it is', async () => {
    const { system, spec, told, at } = setup('linux')
    expect(await startService(spec.root, system)).toBe(false)
    await installService(spec, system)
    rmSync(at('fake', 'active'))
    told()
    expect(await startService(spec.root, system)).toBe(true)
    expect(told()).toEqual(['start iapeerd.service'])
    expect(await startService(at('other'), system)).toBe(false)
    expect(told()).toEqual([])
    writeFileSync(at('fake', 'broken'), '')
    await expect(startService(spec.root, system)).rejects.toMatchObject({ code: 'service-manager-failed' })
  })

  it('is not tried where no manager answers', async () => {
    const { system, spec, at } = setup('linux')
    await installService(spec, system)
    rmSync(at('bin', 'systemctl'))
    const bare = { ...system, env: { ...system.env, PATH: at('bin') } }
    expect(await startService(spec.root, bare)).toBe(false)
  })

  it('of launchd starts one that is loaded, and loads one that is not', async () => {
    const { system, spec, told, at, path } = setup('darwin')
    await installService(spec, system)
    told()
    expect(await startService(spec.root, system)).toBe(true)
    expect(told()).toEqual(['kickstart gui/501/com.iapeer.daemon'])
    rmSync(at('fake', 'active'))
    expect(await startService(spec.root, system)).toBe(true)
    expect(told()).toEqual([`bootstrap gui/501 ${path}`])
  })
})

it('a launchd agent is installed, known, replaced and removed', async () => {
  const { system, spec, told, path, at } = setup('darwin')
  expect(path).toBe(at('home', 'Library', 'LaunchAgents', 'com.iapeer.daemon.plist'))
  expect(await installService(spec, system)).toMatchObject({ state: 'installed' })
  const enable = 'enable gui/501/com.iapeer.daemon'
  expect(told()).toEqual([enable, `bootstrap gui/501 ${path}`])
  expect(await serviceStatus(spec.root, system)).toMatchObject({
    manager: 'launchd',
    installed: true,
    enabled: true,
    active: true,
    pid: 4711,
  })
  expect(await installService(spec, system)).toMatchObject({ state: 'already' })
  expect(told()).toEqual(['kickstart gui/501/com.iapeer.daemon'])
  // launchd refuses a service that it has let go of just now.
  writeFileSync(at('fake', 'draining'), '')
  expect(await installService({ ...spec, path: '/opt/bin' }, system)).toMatchObject({ state: 'updated' })
  const again = `bootstrap gui/501 ${path}`
  expect(told()).toEqual(['bootout gui/501/com.iapeer.daemon', enable, again, again])
  expect(await uninstallService(spec.root, system)).toMatchObject({ state: 'uninstalled' })
  expect(told()).toEqual(['bootout gui/501/com.iapeer.daemon'])
  expect(await uninstallService(spec.root, system)).toMatchObject({ state: 'none' })
})

describe('what a service names must stay', () => {
  it.each([
    ['/home/me/.npm/_npx/0ab1/node_modules/@iapeer/daemon/dist/main.js', /cache of npx/],
    ['/home/me/.cache/pnpm/dlx/0ab1/node_modules/.pnpm/x/main.js', /pnpm dlx/],
    ['/home/me/.local/share/pnpm/store/v3/tmp/dlx-4711/node_modules/x/main.js', /pnpm dlx/],
    ['/run/user/1000/fnm_multishells/4711_1/bin/node', /belongs to one shell/],
    ['/scratch/deep/main.js', /temporary directory \/scratch/],
  ])('%s is refused', async (entry, why) => {
    const { system, spec } = setup('linux')
    const there = { ...system, temporaryDirectories: ['/scratch'] }
    await expect(installService({ ...spec, entry }, there)).rejects.toMatchObject({
      code: 'service-path-vanishes',
      message: expect.stringMatching(why),
      hint: expect.any(String),
    })
  })

  it('the temporary directories of Linux and macOS are known', async () => {
    const { temporaryDirectories } = thisServiceSystem()
    for (const directory of ['/tmp', '/var/tmp', '/var/folders', '/private/var/folders'])
      expect(temporaryDirectories).toContain(directory)
  })

  it('a root or a link that leads into a temporary directory is refused', async () => {
    const { system, spec, at } = setup('linux')
    mkdirSync(at('scratch'))
    symlinkSync(at('scratch'), at('link'))
    const there = { ...system, temporaryDirectories: [at('scratch')] }
    const code = 'service-path-vanishes'
    await expect(assertStablePaths({ ...spec, root: at('link') }, there)).rejects.toMatchObject({ code })
    await expect(assertStablePaths(spec, there)).resolves.toBeUndefined()
    await expect(assertStablePaths({ ...spec, root: 'relative' }, there)).rejects.toMatchObject({
      code: 'invalid-path',
    })
  })

  function nodeAt(at: (...parts: string[]) => string, ...parts: string[]): string {
    const node = at(...parts)
    mkdirSync(dirname(node), { recursive: true })
    writeFileSync(node, '')
    return node
  }

  it.each([
    ['20', 'v20.19.0'],
    ['v18.1.0', 'v18.1.0'],
    ['node', 'v22.2.0'],
    ['lts/*', 'v20.19.0'],
  ])('with nvm the default one alone is taken: default %s is %s', async (alias, expected) => {
    const { system, spec, at } = setup('linux')
    mkdirSync(at('nvm', 'alias', 'lts'), { recursive: true })
    writeFileSync(at('nvm', 'alias', 'default'), `${alias}\n`)
    writeFileSync(at('nvm', 'alias', 'lts', '*'), 'lts/iron\n')
    writeFileSync(at('nvm', 'alias', 'lts', 'iron'), 'v20.19.0\n')
    const taken: string[] = []
    const nodes = ['v18.1.0', 'v20.9.0', 'v20.19.0', 'v22.2.0'].map(
      (version) => [version, nodeAt(at, 'nvm', 'versions', 'node', version, 'bin', 'node')] as const,
    )
    for (const [version, node] of nodes) {
      await assertStablePaths({ ...spec, node }, system).then(
        () => taken.push(version),
        (error) => expect(error).toMatchObject({ code: 'service-path-vanishes' }),
      )
    }
    expect(taken).toEqual([expected])
    const node = at('nvm', 'versions', 'node', 'v20.9.0', 'bin', 'node')
    await expect(assertStablePaths({ ...spec, node }, system)).rejects.toMatchObject({
      message: expect.stringContaining(`the default of nvm is ${expected}`),
      hint: expect.stringContaining('nvm alias default v20.9.0'),
    })
  })

  it('with fnm and volta too', async () => {
    const { system, spec, at } = setup('linux')
    const fnm = (version: string): string =>
      nodeAt(at, 'fnm', 'node-versions', version, 'installation', 'bin', 'node')
    const [old, current] = [fnm('v18.1.0'), fnm('v20.1.0')]
    mkdirSync(at('fnm', 'aliases'))
    symlinkSync(at('fnm', 'node-versions', 'v20.1.0', 'installation'), at('fnm', 'aliases', 'default'))
    await expect(assertStablePaths({ ...spec, node: current }, system)).resolves.toBeUndefined()
    await expect(assertStablePaths({ ...spec, node: old }, system)).rejects.toThrow(/not the default of fnm/)

    const volta = (version: string): string =>
      nodeAt(at, 'volta', 'tools', 'image', 'node', version, 'bin', 'node')
    const [one, two] = [volta('18.1.0'), volta('20.1.0')]
    mkdirSync(at('volta', 'tools', 'user'))
    writeFileSync(at('volta', 'tools', 'user', 'platform.json'), '{"node":{"runtime":"20.1.0","npm":null}}')
    await expect(assertStablePaths({ ...spec, node: two }, system)).resolves.toBeUndefined()
    await expect(assertStablePaths({ ...spec, node: one }, system)).rejects.toThrow(
      /default of volta is 20.1.0/,
    )
  })

  it('the PATH that is kept has nothing that goes', () => {
    const { system } = setup('linux')
    const there = { ...system, temporaryDirectories: ['/tmp'] }
    const path =
      './x:/usr/bin::/tmp/y:/home/me/w/node_modules/.bin:/run/user/1/fnm_multishells/1_2/bin:/bin:/usr/bin'
    expect(lastingPath(path, there)).toBe('/usr/bin:/bin')
    expect(lastingPath('', there)).toBe('/usr/local/bin:/usr/bin:/bin')
  })
})
