import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()

describe('iapeer doctor', () => {
  it('prints every finding, as text of 80 columns and as JSON, and exits with 1 if there is a problem', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--runtime', 'command', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const json = await home.iapeer('doctor', '--json')
    const findings = jsonLines(json.stdout)
    const attention = findings.some(({ level }) => level === 'warning' || level === 'error')
    expect(json).toMatchObject({ exitCode: attention ? 1 : 0, stderr: '' })
    expect(findings[0]).toEqual({
      schemaVersion: 2,
      check: 'node',
      id: 'node-version',
      level: 'ok',
      what: `Node.js ${process.versions.node}`,
    })
    const ids = findings.map(({ id }) => id)
    for (const id of ['disk-space', 'clock', 'tmux-version', 'tmux-servers', 'canaries', 'modes', 'registry'])
      expect(ids).toContain(id)
    expect(ids.filter((id) => String(id).endsWith('-unknown'))).toEqual([])

    const text = await home.iapeer('doctor')
    expect(text.exitCode).toBe(json.exitCode)
    expect(text.stdout).toMatch(/^This host\n {2}✓ Node\.js /)
    expect(text.stdout).toMatch(/\n\n(✓ no problems found|! \d+ (error|warning).*)\n$/)
    for (const line of text.stdout.split('\n'))
      if (line.trim().includes(' ')) expect([...line].length, line).toBeLessThanOrEqual(80)
  })

  it('--fix corrects the mode of a file that other users can read, and says so', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--runtime', 'command', '--', 'true')
    const registry = join(home.root, 'peers-profiles.json')
    chmodSync(registry, 0o644)
    expect(jsonLines((await home.iapeer('doctor', '--json')).stdout)).toContainEqual({
      schemaVersion: 2,
      check: 'modes',
      id: 'open-files',
      level: 'warning',
      what: 'other users can access one file or directory in the root',
      where: registry,
      fix: 'iapeer doctor --fix removes the access to files that you own.',
    })
    expect((await home.iapeer('doctor', '--fix')).stdout).toContain('done: Access removed.')
    expect(statSync(registry).mode & 0o777).toBe(0o600)
  })
})

describe('iapeer service', () => {
  /** A home with fake service managers that log their arguments. */
  function newHost() {
    const home = newHome()
    const at = (...parts: string[]): string => join(home.path, ...parts)
    mkdirSync(at('bin'))
    for (const name of ['systemctl', 'launchctl']) {
      writeFileSync(at('bin', name), '#!/bin/sh\necho "$*" >> "$FAKE_LOG"\n')
      chmodSync(at('bin', name), 0o755)
    }
    const env = {
      ...home.env,
      HOME: at('home'),
      XDG_CONFIG_HOME: at('config'),
      PATH: `${at('bin')}:${process.env['PATH']}`,
      FAKE_LOG: at('log'),
    }
    const serviceWith = (more: NodeJS.ProcessEnv, ...args: string[]) =>
      run(process.execPath, [MAIN, 'service', ...args], { env: { ...env, ...more } })
    const service = (...args: string[]) => serviceWith({}, ...args)
    return {
      at,
      service,
      serviceWith,
      calls: () => (existsSync(at('log')) ? readFileSync(at('log'), 'utf8') : ''),
    }
  }

  it('without a service, status exits with 3 and uninstall does nothing', async () => {
    const { service, calls } = newHost()
    expect(await service('status')).toMatchObject({ exitCode: 3, stdout: '○ no service is installed\n' })
    const json = await service('status', '--json')
    expect(json.exitCode).toBe(3)
    expect(jsonLines(json.stdout)).toMatchObject([
      { schemaVersion: 2, installed: false, foreign: false, enabled: false, active: false },
    ])
    expect(await service('uninstall')).toMatchObject({ exitCode: 0, stdout: 'no service is installed\n' })
    expect(calls()).not.toMatch(/enable|start|bootstrap|bootout/)
  })

  it('install refuses ephemeral paths and writes nothing', async () => {
    const { at, service, calls } = newHost()
    const refused = await service('install')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      /^iapeer: (the root is in the temporary directory|the daemon is not installed)/,
    )
    expect(existsSync(at('config'))).toBe(false)
    expect(calls()).toBe('')
  })

  it.runIf(process.platform === 'linux')(
    'install --print prints the present settings, without secrets',
    async () => {
      const { serviceWith } = newHost()
      const set = {
        IAPEER_IDLE_SECS: '600',
        IAPEER_SIGNAL_WITNESS: '1',
        IAPEER_BEARER_TOKEN: 'correct-horse-battery',
        IAPEER_WEBHOOK_URL: 'https://hooks.example/s3cret',
      }
      const { stdout } = await serviceWith(set, 'install', '--print')
      expect(stdout).toContain('Environment="IAPEER_IDLE_SECS=600"\nEnvironment="IAPEER_SIGNAL_WITNESS=1"\n')
      expect(stdout).not.toMatch(/correct-horse|s3cret/)
      const wrong = await serviceWith({ IAPEER_IDLE_SECS: 'soon' }, 'install', '--print')
      expect(wrong).toMatchObject({ exitCode: 2, stdout: '' })
      expect(wrong.stderr).toContain('invalid IAPEER_IDLE_SECS "soon": expected a number of seconds >= 0')
    },
  )

  it.runIf(process.platform === 'linux')(
    'a unit file that iapeer did not write is reported and not touched',
    async () => {
      const { at, service } = newHost()
      const unit = at('config', 'systemd', 'user', 'iapeerd.service')
      mkdirSync(join(unit, '..'), { recursive: true })
      writeFileSync(unit, '[Service]\n')
      expect(await service('uninstall')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('not made by iapeer'),
      })
      expect((await service('status')).stdout).toBe(`! iapeer did not write ${unit}, and does not touch it\n`)
      expect(readFileSync(unit, 'utf8')).toBe('[Service]\n')
    },
  )
})
