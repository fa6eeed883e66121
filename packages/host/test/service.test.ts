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
  planService,
  type ServiceSystem,
  serviceStatus,
  startService,
  thisServiceSystem,
  uninstallService,
  withoutEphemeralPaths,
} from '../src/index.ts'

const track = asyncCleanups()

/** Logs its arguments, and keeps in two files whether the unit is enabled and running. */
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
  /** Returns the commands that the manager received since the last call, without queries. */
  const managerCalls = (): string[] => {
    const log = at('fake', 'log')
    if (!existsSync(log)) return []
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
    rmSync(log)
    return lines.filter((line) => !/^(show|print|version)/.test(line))
  }
  return { at, system, spec, managerCalls, path: planService(spec, system).path }
}

describe('a systemd service', () => {
  it('is installed, reported, not changed by a second installation, and removed; a second removal does nothing', async () => {
    const { system, spec, managerCalls, path, at } = setup('linux')
    expect(path).toBe(at('home', '.config', 'systemd', 'user', 'iapeerd.service'))
    expect(await serviceStatus(spec.root, system)).toMatchObject({
      installed: false,
      foreign: false,
      active: false,
    })

    expect(await installService(spec, system)).toMatchObject({ state: 'installed', path, lingers: false })
    expect(managerCalls()).toEqual(['daemon-reload', 'enable iapeerd.service', 'restart iapeerd.service'])
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
    expect(managerCalls()).toEqual(['daemon-reload', 'enable iapeerd.service', 'start iapeerd.service'])
    expect(statSync(path)).toMatchObject({ mtimeMs, ino })

    expect(await uninstallService(spec.root, system)).toEqual({ state: 'uninstalled', path })
    expect(managerCalls()).toEqual(['disable --now iapeerd.service', 'daemon-reload'])
    expect(existsSync(path)).toBe(false)
    expect(await uninstallService(spec.root, system)).toEqual({ state: 'none', path })
    expect(managerCalls()).toEqual([])
  })

  it('is updated and restarted when its text has changed, in $XDG_CONFIG_HOME too', async () => {
    const { system, spec, managerCalls, at } = setup('linux')
    const elsewhere = { ...system, env: { ...system.env, XDG_CONFIG_HOME: at('config') } }
    writeFileSync(at('linger', 'me'), '')
    await installService(spec, elsewhere)
    managerCalls()
    const updated = await installService({ ...spec, path: '/opt/bin' }, elsewhere)
    expect(updated).toMatchObject({ state: 'updated', lingers: true })
    expect(updated.path).toBe(at('config', 'systemd', 'user', 'iapeerd.service'))
    expect(managerCalls()).toContain('restart iapeerd.service')
  })

  it.each([
    [
      'a file that iapeer did not write',
      (path: string) => writeFileSync(path, '[Service]\nExecStart=/bin/true\n'),
    ],
    ['a masked unit', (path: string) => symlinkSync('/dev/null', path)],
    ['a link to nowhere', (path: string) => symlinkSync('/nowhere/at-all', path)],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('%s is not changed by install and uninstall', async (_what, make) => {
    const { system, spec, managerCalls, path } = setup('linux')
    mkdirSync(dirname(path), { recursive: true })
    make(path)
    await expect(installService(spec, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    await expect(uninstallService(spec.root, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    expect(managerCalls()).toEqual([])
    expect(await serviceStatus(spec.root, system)).toMatchObject({ installed: false, foreign: true })
  })

  it('of another root is not changed, and its root is reported', async () => {
    const { system, spec, managerCalls, at, path } = setup('linux')
    await installService(spec, system)
    managerCalls()
    const other = { ...spec, root: at('50% --other') }
    await expect(installService(other, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    await expect(uninstallService(other.root, system)).rejects.toMatchObject({ code: 'service-not-ours' })
    expect(managerCalls()).toEqual([])
    expect(await serviceStatus(other.root, system)).toMatchObject({ installed: false, otherRoot: spec.root })
    await uninstallService(spec.root, system)
    await installService(other, system)
    expect(await serviceStatus(other.root, system)).toMatchObject({ installed: true })
    expect(readFileSync(path, 'utf8')).not.toContain('50% --other\n')
  })

  it('is not written without a service manager, but an existing one is removed', async () => {
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
      noManager: 'systemctl was not found in PATH',
    })
    expect(await uninstallService(spec.root, bare)).toMatchObject({ state: 'uninstalled' })
    expect(existsSync(join(dirname(path), 'default.target.wants', 'iapeerd.service'))).toBe(false)
  })

  it('that is not running has the reason and the missing program in its status', async () => {
    const { system, spec, at } = setup('linux')
    writeFileSync(at('main.js'), '')
    const odd = at(`50% "$x" it's \\.js`)
    writeFileSync(odd, '')
    await installService({ ...spec, node: process.execPath, entry: odd }, system)
    expect(await serviceStatus(spec.root, system)).toMatchObject({
      missingProgram: undefined,
      why: undefined,
    })
    rmSync(odd)
    expect(await serviceStatus(spec.root, system)).toMatchObject({ active: true, missingProgram: odd })
    rmSync(at('fake', 'active'))
    const reasonOf = async (facts: string) => {
      writeFileSync(at('fake', 'result'), facts)
      return (await serviceStatus(spec.root, system)).why
    }
    expect(await reasonOf('Result=exit-code\nExecMainStatus=203\n')).toBe('its program cannot be run')
    expect(await reasonOf('Result=exit-code\nExecMainStatus=1\n')).toBe('it exited with code 1')
    expect(await reasonOf('Result=signal\nExecMainStatus=9\n')).toBe('it was killed by SIGKILL')
    expect(await reasonOf('Result=watchdog\nExecMainStatus=6\n')).toBe('it sent no watchdog message in time')
    expect(await reasonOf('Result=of-a-later-version\n')).toBe('of-a-later-version')
    expect(await reasonOf('Result=success\nExecMainStatus=0\n')).toBeUndefined()
  })

  it('needs the programs of a drop-in file where that gives it another command', async () => {
    const { system, spec, at } = setup('linux')
    const [entry, other] = [at('main.js'), at('other daemon')]
    await installService({ ...spec, node: process.execPath, entry }, system)
    const missingIf = async (program: string, line: string) => {
      const found = `ExecStart={ path=${program} ; argv[]=${line} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }\n`
      writeFileSync(at('fake', 'result'), found)
      return (await serviceStatus(spec.root, system)).missingProgram
    }
    const own = `${process.execPath} ${entry} --foreground --root ${spec.root}`
    expect(await missingIf(process.execPath, own)).toBe(entry)
    expect(await missingIf(other, `${other} --root ${spec.root}`)).toBe(other)
    writeFileSync(other, '')
    expect(await missingIf(other, `${other} --root ${spec.root}`)).toBeUndefined()
    // Without an answer that can be read, the file of the unit counts.
    writeFileSync(at('fake', 'result'), 'ExecStart=something else\n')
    expect((await serviceStatus(spec.root, system)).missingProgram).toBe(entry)
  })

  it('that cannot be started fails with the message of systemd, and the installation can be repeated', async () => {
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

/** The files that earlier versions wrote, as far as iapeer reads them. */
const EARLIER = {
  linux: (root: string) => `# made by iapeer: ${root}
# Written by: iapeer service install. It would be replaced; iapeer service uninstall removes it.

[Unit]
Description=iapeer, which explains every death of your agents

[Service]
Type=notify
NotifyAccess=all
ExecStart="/usr/bin/node" "/opt/iapeer/main.js" "--foreground" "--root" "${root}"
Environment="PATH=/usr/bin:/bin"
WatchdogSec=60
Restart=on-failure
RestartSec=3
# It ends within 5 s by itself.
TimeoutStopSec=10
# The peers outlive the daemon: only its own process is ended, and no loss of one of theirs ends it.
KillMode=process
OOMPolicy=continue

[Install]
WantedBy=default.target
`,
  darwin: (root: string) => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- made by iapeer: ${root} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>com.iapeer.daemon</string>
  <key>ProgramArguments</key>
  <array>
    <string>/usr/bin/node</string>
    <string>/opt/iapeer/main.js</string>
    <string>--foreground</string>
    <string>--root</string>
    <string>${root}</string>
  </array>
  <!-- The peers outlive the daemon. -->
  <key>AbandonProcessGroup</key>
  <true/>
  <!-- Else macOS slows down the daemon, and the peers that it starts. -->
  <key>ProcessType</key>
  <string>Interactive</string>
</dict>
</plist>
`,
}

describe('a service that an earlier version installed', () => {
  it.each(['linux', 'darwin'] as const)('is recognised, updated and removed on %s', async (platform) => {
    const { system, spec, at, path } = setup(platform)
    const write = () => {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, EARLIER[platform](spec.root))
    }
    write()
    const status = await serviceStatus(spec.root, system)
    expect(status).toMatchObject({ installed: true, foreign: false, otherRoot: undefined })
    expect(['/usr/bin/node', '/opt/iapeer/main.js']).toContain(status.missingProgram)
    expect(await serviceStatus(at('other'), system)).toMatchObject({ installed: false, otherRoot: spec.root })
    expect(await installService(spec, system)).toMatchObject({ state: 'updated' })
    expect(readFileSync(path, 'utf8')).toBe(planService(spec, system).text)
    write()
    expect(await uninstallService(spec.root, system)).toEqual({ state: 'uninstalled', path })
    expect(existsSync(path)).toBe(false)
  })
})

describe('starting the installed service', () => {
  it('starts only the service of this root, and does not enable or disable it', async () => {
    const { system, spec, managerCalls, at } = setup('linux')
    expect(await startService(spec.root, system)).toBe(false)
    await installService(spec, system)
    rmSync(at('fake', 'active'))
    managerCalls()
    expect(await startService(spec.root, system)).toBe(true)
    expect(managerCalls()).toEqual(['start iapeerd.service'])
    expect(await startService(at('other'), system)).toBe(false)
    expect(managerCalls()).toEqual([])
    writeFileSync(at('fake', 'broken'), '')
    await expect(startService(spec.root, system)).rejects.toMatchObject({ code: 'service-manager-failed' })
  })

  it('does nothing if no service manager answers', async () => {
    const { system, spec, at } = setup('linux')
    await installService(spec, system)
    rmSync(at('bin', 'systemctl'))
    const bare = { ...system, env: { ...system.env, PATH: at('bin') } }
    expect(await startService(spec.root, bare)).toBe(false)
  })

  it('with launchd starts a loaded service, and loads a service that is not loaded', async () => {
    const { system, spec, managerCalls, at, path } = setup('darwin')
    await installService(spec, system)
    managerCalls()
    expect(await startService(spec.root, system)).toBe(true)
    expect(managerCalls()).toEqual(['kickstart gui/501/com.iapeer.daemon'])
    rmSync(at('fake', 'active'))
    expect(await startService(spec.root, system)).toBe(true)
    expect(managerCalls()).toEqual([`bootstrap gui/501 ${path}`])
  })
})

it('a launchd agent is installed, reported, replaced and removed', async () => {
  const { system, spec, managerCalls, path, at } = setup('darwin')
  expect(path).toBe(at('home', 'Library', 'LaunchAgents', 'com.iapeer.daemon.plist'))
  expect(await installService(spec, system)).toMatchObject({ state: 'installed' })
  const enable = 'enable gui/501/com.iapeer.daemon'
  expect(managerCalls()).toEqual([enable, `bootstrap gui/501 ${path}`])
  expect(await serviceStatus(spec.root, system)).toMatchObject({
    manager: 'launchd',
    installed: true,
    enabled: true,
    active: true,
    pid: 4711,
  })
  expect(await installService(spec, system)).toMatchObject({ state: 'already' })
  expect(managerCalls()).toEqual(['kickstart gui/501/com.iapeer.daemon'])
  // For some seconds launchd refuses a service that it has just unloaded.
  writeFileSync(at('fake', 'draining'), '')
  expect(await installService({ ...spec, path: '/opt/bin' }, system)).toMatchObject({ state: 'updated' })
  const again = `bootstrap gui/501 ${path}`
  expect(managerCalls()).toEqual(['bootout gui/501/com.iapeer.daemon', enable, again, again])
  expect(await uninstallService(spec.root, system)).toMatchObject({ state: 'uninstalled' })
  expect(managerCalls()).toEqual(['bootout gui/501/com.iapeer.daemon'])
  expect(await uninstallService(spec.root, system)).toMatchObject({ state: 'none' })
})

describe('the paths of a service', () => {
  it.each([
    ['/home/me/.npm/_npx/0ab1/node_modules/@iapeer/daemon/dist/main.js', /cache of npx/],
    ['/home/me/.cache/pnpm/dlx/0ab1/node_modules/.pnpm/x/main.js', /pnpm dlx/],
    ['/home/me/.local/share/pnpm/store/v3/tmp/dlx-4711/node_modules/x/main.js', /pnpm dlx/],
    ['/run/user/1000/fnm_multishells/4711_1/bin/node', /belongs to one shell/],
    ['/scratch/deep/main.js', /temporary directory \/scratch/],
  ])('must not include %s', async (entry, why) => {
    const { system, spec } = setup('linux')
    const there = { ...system, temporaryDirectories: ['/scratch'] }
    await expect(installService({ ...spec, entry }, there)).rejects.toMatchObject({
      code: 'service-path-vanishes',
      message: expect.stringMatching(why),
      hint: expect.any(String),
    })
  })

  it('must not be in a temporary directory of Linux or macOS', async () => {
    const { temporaryDirectories } = thisServiceSystem()
    for (const directory of ['/tmp', '/var/tmp', '/var/folders', '/private/var/folders'])
      expect(temporaryDirectories).toContain(directory)
  })

  it('must not lead into a temporary directory through a link', async () => {
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
  ])('must be of the default version with nvm: default %s is %s', async (alias, expected) => {
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

  it('must be of the default version with fnm and volta', async () => {
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

  it('include a PATH without temporary directories', () => {
    const { system } = setup('linux')
    const there = { ...system, temporaryDirectories: ['/tmp'] }
    const path =
      './x:/usr/bin::/tmp/y:/home/me/w/node_modules/.bin:/run/user/1/fnm_multishells/1_2/bin:/bin:/usr/bin'
    expect(withoutEphemeralPaths(path, there)).toBe('/usr/bin:/bin')
    expect(withoutEphemeralPaths('', there)).toBe('/usr/local/bin:/usr/bin:/bin')
  })
})
