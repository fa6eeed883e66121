import { mkdirSync, symlinkSync } from 'node:fs'
import { mayMount, smallDisk } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { parseCgroup } from '../src/doctor/cgroup.ts'
import { unitOf } from '../src/doctor/checks/daemon.ts'
import { judgeDisk } from '../src/doctor/checks/host.ts'
import { type Check, needsAttention, runDoctor } from '../src/index.ts'
import { testHosts } from './doctor-support.ts'

const newHost = testHosts()

describe('doctor', () => {
  it('finds no problem on an empty healthy system', async () => {
    const { context } = newHost()
    const examined = await runDoctor(context)
    expect(needsAttention(examined)).toBe(false)
    const levels = new Set(examined.flatMap(({ findings }) => findings.map(({ level }) => level)))
    expect([...levels].filter((level) => level !== 'ok' && level !== 'note')).toEqual([])
  })

  it('reports a check that fails or hangs as a finding, and the findings of the other checks', async () => {
    const { context } = newHost()
    const check = (id: string, run: Check['run']): Check => ({ id, title: `The ${id}`, group: 'host', run })
    const examined = await runDoctor({ ...context, limitMs: 50 }, [
      check('broken', () => Promise.reject(new Error('EIO: i/o error'))),
      check('stuck', () => new Promise(() => {})),
      check('well', () => Promise.resolve([{ id: 'well', level: 'ok', what: 'fine' }])),
    ])
    expect(examined.flatMap(({ findings }) => findings)).toEqual([
      { id: 'broken-unknown', level: 'warning', what: 'The broken could not be checked: EIO: i/o error' },
      {
        id: 'stuck-unknown',
        level: 'warning',
        what: 'The stuck could not be checked: no answer within 0.05 s',
      },
      { id: 'well', level: 'ok', what: 'fine' },
    ])
    expect(needsAttention(examined)).toBe(true)
  })

  it('reports a system file that it cannot read as one finding', async () => {
    const { at, runCheck } = newHost()
    mkdirSync(at('usr-lib', 'tmpfiles.d', 'directory.conf'), { recursive: true })
    expect(await runCheck('tmpfiles')).toMatchObject([{ level: 'ok' }])
    mkdirSync(at('run', 'systemd', 'system'), { recursive: true })
    mkdirSync(at('etc', 'systemd', 'logind.conf'), { recursive: true })
    expect(await runCheck('logout')).toMatchObject([{ id: 'logout-unknown', level: 'warning' }])
  })
})

describe('the checks of the host', () => {
  it.each([
    ['18.20.0', 'error'],
    ['20.18.3', 'error'],
    ['20.19.0', 'ok'],
    ['24.0.0', 'ok'],
  ])('Node.js %s is %s', async (nodeVersion, level) => {
    expect(await newHost().runCheck('node', { nodeVersion })).toMatchObject([{ level }])
  })

  it.each([
    [{ bavail: 1_000_000, bsize: 4096, files: 0, ffree: 0 }, ['ok']],
    [{ bavail: 20_000, bsize: 4096, files: 1e6, ffree: 5e5 }, ['warning']],
    [{ bavail: 2_000, bsize: 4096, files: 1e6, ffree: 5e5 }, ['error']],
    [{ bavail: 1_000_000, bsize: 4096, files: 1e6, ffree: 999 }, ['ok', 'warning']],
    [{ bavail: 0, bsize: 4096, files: 1e6, ffree: 0 }, ['error', 'error']],
  ])('of a disk with %o return %o', (space, levels) => {
    expect(judgeDisk(space, '/root').map(({ level }) => level)).toEqual(levels)
  })

  it.runIf(mayMount)('report a small real disk as an error', async () => {
    const { at, runCheck } = newHost()
    const disk = await smallDisk(at('disk'))
    try {
      const found = await runCheck('disk', { root: at('disk', 'root') })
      expect(found).toMatchObject(
        [{ id: 'disk-space', level: 'error', where: at('disk') }, {}].slice(0, found.length),
      )
    } finally {
      await disk.remove()
    }
  })

  it('warn about a clock behind the newest record or behind the build', async () => {
    const { runCheck, write } = newHost()
    const now = new Date('2026-06-10T12:00:00Z')
    expect(await runCheck('clock', { now })).toMatchObject([{ level: 'ok' }])
    expect(await runCheck('clock', { now, builtAt: new Date('2026-06-11T00:00:00Z') })).toMatchObject([
      { id: 'clock-behind', level: 'warning' },
    ])
    const line = (ts: string) => `ts=${ts} ev=server-exit identity=claude-bob\n`
    write('root/logs/iapeer/exits.log', line('2026-06-09T00:00:00Z') + line('2026-06-10T12:00:03.500Z'))
    expect(await runCheck('clock', { now })).toMatchObject([{ level: 'ok' }])
    write('root/logs/iapeer/lifecycle.log', line('2026-06-10T13:00:00.000Z'))
    expect(await runCheck('clock', { now })).toMatchObject([
      { what: expect.stringContaining('newest record is from 2026-06-10T13:00:00.000Z') },
    ])
    write('root/logs/iapeer/lifecycle.log', 'ts=never\n')
    expect(await runCheck('clock', { now })).toMatchObject([{ level: 'ok' }])
  })

  it('warn about IAPEER_RECORDS=off and a daemon of another version', async () => {
    const { context, runCheck } = newHost()
    const system = { ...context.system, env: { ...context.system.env, IAPEER_RECORDS: 'off' } }
    expect(await runCheck('records-switch', { system })).toMatchObject([{ level: 'warning' }])
    const daemon = { pid: 4711, version: '0.1.0' }
    expect(await runCheck('versions', { version: '0.1.0', daemon })).toMatchObject([{ level: 'ok' }])
    expect(await runCheck('versions', { version: '0.2.0', daemon })).toMatchObject([
      { id: 'version-skew', level: 'warning', where: 'pid 4711' },
    ])
  })
})

describe('a logout', () => {
  const systemd = (host: ReturnType<typeof newHost>) =>
    mkdirSync(host.at('run', 'systemd', 'system'), { recursive: true })

  it('is not checked where systemd is not running', async () => {
    expect(await newHost().runCheck('logout')).toEqual([])
  })

  it('without linger is a note, and a warning where the service is installed', async () => {
    const host = newHost()
    systemd(host)
    const fix = 'loginctl enable-linger me'
    expect(await host.runCheck('logout')).toMatchObject([{ id: 'linger-off', level: 'note', fix }])
    host.write('home/.config/systemd/user/iapeerd.service', '')
    expect(await host.runCheck('logout')).toMatchObject([{ id: 'linger-off', level: 'warning', fix }])
    host.write('var-lib/systemd/linger/me', '')
    expect(await host.runCheck('logout')).toMatchObject([{ id: 'linger', level: 'ok' }])
  })

  it.each([
    ['KillUserProcesses=yes', [], 'logout-kills'],
    ['KillUserProcesses = true', [], 'logout-kills'],
    ['#KillUserProcesses=yes', [], 'linger-off'],
    ['KillUserProcesses=no', [['etc', '50.conf', 'yes']], 'logout-kills'],
    ['KillUserProcesses=yes', [['usr-lib', '50.conf', 'no']], 'linger-off'],
    // Of files with the same name only the one in /etc counts; of files with different names the last one.
    [
      '',
      [
        ['usr-lib', '50.conf', 'yes'],
        ['etc', '50.conf', 'no'],
      ],
      'linger-off',
    ],
    [
      '',
      [
        ['etc', '10.conf', 'no'],
        ['usr-lib', '90.conf', 'yes'],
      ],
      'logout-kills',
    ],
    ['KillUserProcesses=yes\nKillExcludeUsers=root me', [], 'linger-off'],
    ['KillUserProcesses=yes\nKillOnlyUsers=you', [], 'linger-off'],
    ['KillUserProcesses=yes\nKillOnlyUsers=you me', [], 'logout-kills'],
    ['[Other]\nKillUserProcesses=yes', [], 'linger-off'],
  ])('with %j and the drop-ins %j is %s', async (main, dropIns, id) => {
    const host = newHost()
    systemd(host)
    host.write('etc/systemd/logind.conf', `[Login]\n${main}\n`)
    for (const [directory = '', name = '', value = ''] of dropIns)
      host.write(`${directory}/systemd/logind.conf.d/${name}`, `[Login]\nKillUserProcesses=${value}\n`)
    expect(await host.runCheck('logout')).toMatchObject([{ id }])
  })

  it('that kills processes is a note where services linger, and a masked drop-in has no effect', async () => {
    const host = newHost()
    systemd(host)
    host.write('usr-lib/systemd/logind.conf.d/50.conf', '[Login]\nKillUserProcesses=yes\n')
    host.write('var-lib/systemd/linger/me', '')
    expect(await host.runCheck('logout')).toMatchObject([{ id: 'logout-kills', level: 'note' }])
    mkdirSync(host.at('etc', 'systemd', 'logind.conf.d'), { recursive: true })
    symlinkSync('/dev/null', host.at('etc', 'systemd', 'logind.conf.d', '50.conf'))
    expect(await host.runCheck('logout')).toMatchObject([{ id: 'linger', level: 'ok' }])
  })
})

describe('temporary-file cleaners', () => {
  it.each([
    ['D /scratch 1777 root root 10d', 'cleaned-directory'],
    ['q /scratch 1777 root root 10d', 'cleaned-directory'],
    ['D /scratch 1777 root root -', 'cleaned-directory'],
    ['d /scratch 1777 root root -', 'directories-stay'],
    ['d "/scratch" 1777 root root 0', 'cleaned-directory'],
    ['e /scr*h/r?ot - - - 1d', 'cleaned-directory'],
    ['e /scr*/deeper - - - 1d', 'directories-stay'],
    ['D /scratch - - - 10d\nx /scratch/root', 'directories-stay'],
    ['D /scratch - - - 10d\nX /scratch/r*', 'directories-stay'],
    ['d /scratch - - - 10d\nd /scratch/root - - - -', 'directories-stay'],
    ['# D /scratch 1777 root root 10d', 'directories-stay'],
    ['D! /scratch 1777 root root 10d', 'cleaned-directory'],
    ['d /scratch2 - - - 1d\n\nnonsense', 'directories-stay'],
  ])('%j is %s for a root in /scratch', async (rule, id) => {
    const { runCheck, write } = newHost()
    write('usr-lib/tmpfiles.d/tmp.conf', `${rule}\n`)
    expect(await runCheck('tmpfiles', { root: '/scratch/root' })).toMatchObject([{ id }])
  })

  it('of the socket directory are reported too, and a file in /etc masks the system file of the same name', async () => {
    const { context, runCheck, write } = newHost()
    write('usr-lib/tmpfiles.d/tmp.conf', 'q /scratch - - - 10d\n')
    const system = { ...context.system, env: { IAPEER_SOCK_DIR: '/scratch/s' } }
    expect(await runCheck('tmpfiles', { system })).toMatchObject([
      { id: 'cleaned-directory', level: 'warning', where: expect.stringContaining('/scratch/s') },
    ])
    write('etc/tmpfiles.d/tmp.conf', '')
    expect(await runCheck('tmpfiles', { system })).toMatchObject([{ level: 'ok' }])
    const temporary = { ...system, temporaryDirectories: ['/scratch'] }
    expect(await runCheck('tmpfiles', { system: temporary })).toMatchObject([
      { id: 'temporary-directory', level: 'note' },
    ])
  })
})

describe('the daemon', () => {
  const USER = '/user.slice/user-1000.slice/user@1000.service/app.slice/iapeerd.service'

  it.each([
    ['0::/a.slice/b.service\n', '/a.slice/b.service'],
    ['9:name=systemd:/x.scope\n8:pids:/\n0::/\n', '/x.scope'],
    ['0::/\n', '/'],
    ['1:cpu:/\n', undefined],
  ])('its cgroup is read from %j: %s', (text, cgroup) => {
    expect(parseCgroup(text)).toBe(cgroup)
  })

  it.each([
    [USER, { unit: 'iapeerd.service', user: true }],
    ['/system.slice/x.service', { unit: 'x.service', user: false }],
    ['/user.slice/user-1.slice/session-3.scope', { unit: 'session-3.scope', user: false }],
    ['/user.slice/user-1.slice/user@1.service', { unit: 'user@1.service', user: false }],
    ['/system.slice/x.service/payload', { unit: 'x.service', user: false }],
    ['/', undefined],
  ])('%s belongs to %o', (cgroup, unit) => {
    expect(unitOf(cgroup)).toEqual(unit)
  })

  it('that is not running is a note', async () => {
    expect(await newHost().runCheck('daemon')).toMatchObject([{ id: 'daemon-none', level: 'note' }])
  })

  it('whose program was removed is a warning, with the path', async () => {
    const daemon = { pid: 4711, removedProgram: '/usr/lib/node_modules/iapeer/dist/iapeerd.js' }
    expect(await newHost().runCheck('daemon', { daemon })).toMatchObject([
      { id: 'daemon-program-removed', level: 'warning', where: daemon.removedProgram },
    ])
  })

  it.each(['stalled', 'unresponsive'] as const)('that is %s is an error, with a fix', async (fault) => {
    expect(await newHost().runCheck('daemon', { daemon: { pid: 4711, fault } })).toMatchObject([
      {
        id: `daemon-${fault}`,
        level: 'error',
        where: 'pid 4711',
        fix: expect.stringContaining('iapeer daemon restart'),
      },
    ])
  })

  it.each([
    [USER, 'process', 'daemon', 'ok'],
    [USER, 'control-group', 'daemon-kill-mode', 'warning'],
    ['/user.slice/session-3.scope', 'none', 'daemon-in-login', 'note'],
    ['/', 'none', 'daemon', 'ok'],
  ])('in %s with KillMode=%s is %s, %s', async (cgroup, mode, id, level) => {
    const { runCheck, write, program } = newHost()
    write('proc/4711/cgroup', `0::${cgroup}\n`)
    program('systemctl', `[ "$1" = --user ] && [ "$3" = iapeerd.service ] && echo KillMode=${mode}`)
    expect(await runCheck('daemon', { daemon: { pid: 4711 } })).toMatchObject([{ id, level }])
  })
})
