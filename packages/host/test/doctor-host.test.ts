import { mkdirSync, symlinkSync } from 'node:fs'
import { mayMount, smallDisk } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { parseCgroup } from '../src/doctor/cgroup.ts'
import { unitOf } from '../src/doctor/checks/fate.ts'
import { judgeDisk } from '../src/doctor/checks/host.ts'
import { type Check, needsAttention, runDoctor } from '../src/index.ts'
import { patients } from './doctor-support.ts'

const newPatient = patients()

describe('doctor', () => {
  it('on an empty healthy system finds nothing to see to', async () => {
    const { context } = newPatient()
    const examined = await runDoctor(context)
    expect(needsAttention(examined)).toBe(false)
    const levels = new Set(examined.flatMap(({ findings }) => findings.map(({ level }) => level)))
    expect([...levels].filter((level) => level !== 'ok' && level !== 'note')).toEqual([])
  })

  it('a check that fails or hangs is a finding, and the others are told', async () => {
    const { context } = newPatient()
    const check = (id: string, run: Check['run']): Check => ({ id, title: `The ${id}`, group: 'host', run })
    const examined = await runDoctor({ ...context, limitMs: 50 }, [
      check('broken', () => Promise.reject(new Error('EIO: i/o error'))),
      check('stuck', () => new Promise(() => {})),
      check('well', () => Promise.resolve([{ id: 'well', level: 'ok', what: 'fine' }])),
    ])
    expect(examined.flatMap(({ findings }) => findings)).toEqual([
      { id: 'broken-unknown', level: 'warning', what: 'The broken could not be looked at: EIO: i/o error' },
      {
        id: 'stuck-unknown',
        level: 'warning',
        what: 'The stuck could not be looked at: no answer within 0.05 s',
      },
      { id: 'well', level: 'ok', what: 'fine' },
    ])
    expect(needsAttention(examined)).toBe(true)
  })

  it('what it cannot read of the system is one finding', async () => {
    const { at, look } = newPatient()
    mkdirSync(at('usr-lib', 'tmpfiles.d', 'directory.conf'), { recursive: true })
    expect(await look('tmpfiles')).toMatchObject([{ level: 'ok' }])
    mkdirSync(at('run', 'systemd', 'system'), { recursive: true })
    mkdirSync(at('etc', 'systemd', 'logind.conf'), { recursive: true })
    expect(await look('logout')).toMatchObject([{ id: 'logout-unknown', level: 'warning' }])
  })
})

describe('of the host', () => {
  it.each([
    ['18.20.0', 'error'],
    ['20.18.3', 'error'],
    ['20.19.0', 'ok'],
    ['24.0.0', 'ok'],
  ])('Node.js %s is %s', async (nodeVersion, level) => {
    expect(await newPatient().look('node', { nodeVersion })).toMatchObject([{ level }])
  })

  it.each([
    [{ bavail: 1_000_000, bsize: 4096, files: 0, ffree: 0 }, ['ok']],
    [{ bavail: 20_000, bsize: 4096, files: 1e6, ffree: 5e5 }, ['warning']],
    [{ bavail: 2_000, bsize: 4096, files: 1e6, ffree: 5e5 }, ['error']],
    [{ bavail: 1_000_000, bsize: 4096, files: 1e6, ffree: 999 }, ['ok', 'warning']],
    [{ bavail: 0, bsize: 4096, files: 1e6, ffree: 0 }, ['error', 'error']],
  ])('a disk with %o left is judged %o', (space, levels) => {
    expect(judgeDisk(space, '/root').map(({ level }) => level)).toEqual(levels)
  })

  it.runIf(mayMount)('a real small disk is an error', async () => {
    const { at, look } = newPatient()
    const disk = await smallDisk(at('disk'))
    try {
      const found = await look('disk', { root: at('disk', 'root') })
      expect(found).toMatchObject(
        [{ id: 'disk-space', level: 'error', where: at('disk') }, {}].slice(0, found.length),
      )
    } finally {
      await disk.remove()
    }
  })

  it('a clock behind the newest record, or behind the build, is a warning', async () => {
    const { look, write } = newPatient()
    const now = new Date('2026-06-10T12:00:00Z')
    expect(await look('clock', { now })).toMatchObject([{ level: 'ok' }])
    expect(await look('clock', { now, builtAt: new Date('2026-06-11T00:00:00Z') })).toMatchObject([
      { id: 'clock-behind', level: 'warning' },
    ])
    const line = (ts: string) => `ts=${ts} ev=server-exit identity=claude-bob\n`
    write('root/logs/iapeer/exits.log', line('2026-06-09T00:00:00Z') + line('2026-06-10T12:00:03.500Z'))
    expect(await look('clock', { now })).toMatchObject([{ level: 'ok' }])
    write('root/logs/iapeer/lifecycle.log', line('2026-06-10T13:00:00.000Z'))
    expect(await look('clock', { now })).toMatchObject([
      { what: expect.stringContaining('newest record is of 2026-06-10T13:00:00.000Z') },
    ])
    write('root/logs/iapeer/lifecycle.log', 'ts=never\n')
    expect(await look('clock', { now })).toMatchObject([{ level: 'ok' }])
  })

  it('IAPEER_RECORDS=off and a daemon of another version are warnings', async () => {
    const { context, look } = newPatient()
    const system = { ...context.system, env: { ...context.system.env, IAPEER_RECORDS: 'off' } }
    expect(await look('records-switch', { system })).toMatchObject([{ level: 'warning' }])
    const daemon = { pid: 4711, version: '0.1.0' }
    expect(await look('versions', { version: '0.1.0', daemon })).toMatchObject([{ level: 'ok' }])
    expect(await look('versions', { version: '0.2.0', daemon })).toMatchObject([
      { id: 'version-skew', level: 'warning', where: 'pid 4711' },
    ])
  })
})

describe('a logout', () => {
  const systemd = (patient: ReturnType<typeof newPatient>) =>
    mkdirSync(patient.at('run', 'systemd', 'system'), { recursive: true })

  it('is no subject where systemd does not run', async () => {
    expect(await newPatient().look('logout')).toEqual([])
  })

  it('without linger is a note, and a warning where the service is installed', async () => {
    const patient = newPatient()
    systemd(patient)
    const fix = 'loginctl enable-linger me'
    expect(await patient.look('logout')).toMatchObject([{ id: 'linger-off', level: 'note', fix }])
    patient.write('home/.config/systemd/user/iapeerd.service', '')
    expect(await patient.look('logout')).toMatchObject([{ id: 'linger-off', level: 'warning', fix }])
    patient.write('var-lib/systemd/linger/me', '')
    expect(await patient.look('logout')).toMatchObject([{ id: 'linger', level: 'ok' }])
  })

  it.each([
    ['KillUserProcesses=yes', [], 'logout-kills'],
    ['KillUserProcesses = true', [], 'logout-kills'],
    ['#KillUserProcesses=yes', [], 'linger-off'],
    ['KillUserProcesses=no', [['etc', '50.conf', 'yes']], 'logout-kills'],
    ['KillUserProcesses=yes', [['usr-lib', '50.conf', 'no']], 'linger-off'],
    // Of one name that of /etc alone counts; of several the last by name.
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
    const patient = newPatient()
    systemd(patient)
    patient.write('etc/systemd/logind.conf', `[Login]\n${main}\n`)
    for (const [directory = '', name = '', value = ''] of dropIns)
      patient.write(`${directory}/systemd/logind.conf.d/${name}`, `[Login]\nKillUserProcesses=${value}\n`)
    expect(await patient.look('logout')).toMatchObject([{ id }])
  })

  it('that kills is a note where services linger, and a masked drop-in counts for nothing', async () => {
    const patient = newPatient()
    systemd(patient)
    patient.write('usr-lib/systemd/logind.conf.d/50.conf', '[Login]\nKillUserProcesses=yes\n')
    patient.write('var-lib/systemd/linger/me', '')
    expect(await patient.look('logout')).toMatchObject([{ id: 'logout-kills', level: 'note' }])
    mkdirSync(patient.at('etc', 'systemd', 'logind.conf.d'), { recursive: true })
    symlinkSync('/dev/null', patient.at('etc', 'systemd', 'logind.conf.d', '50.conf'))
    expect(await patient.look('logout')).toMatchObject([{ id: 'linger', level: 'ok' }])
  })
})

describe('cleaners', () => {
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
    const { look, write } = newPatient()
    write('usr-lib/tmpfiles.d/tmp.conf', `${rule}\n`)
    expect(await look('tmpfiles', { root: '/scratch/root' })).toMatchObject([{ id }])
  })

  it('of the sockets are told too, and a file in /etc hides that of the system', async () => {
    const { context, look, write } = newPatient()
    write('usr-lib/tmpfiles.d/tmp.conf', 'q /scratch - - - 10d\n')
    const system = { ...context.system, env: { IAPEER_SOCK_DIR: '/scratch/s' } }
    expect(await look('tmpfiles', { system })).toMatchObject([
      { id: 'cleaned-directory', level: 'warning', where: expect.stringContaining('/scratch/s') },
    ])
    write('etc/tmpfiles.d/tmp.conf', '')
    expect(await look('tmpfiles', { system })).toMatchObject([{ level: 'ok' }])
    const temporary = { ...system, temporaryDirectories: ['/scratch'] }
    expect(await look('tmpfiles', { system: temporary })).toMatchObject([
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

  it('none is a note', async () => {
    expect(await newPatient().look('daemon')).toMatchObject([{ id: 'daemon-none', level: 'note' }])
  })

  it.each(['stalled', 'unresponsive'] as const)(
    'a %s one is an error that says what to do',
    async (fault) => {
      expect(await newPatient().look('daemon', { daemon: { pid: 4711, fault } })).toMatchObject([
        {
          id: `daemon-${fault}`,
          level: 'error',
          where: 'pid 4711',
          fix: expect.stringContaining('daemon stop'),
        },
      ])
    },
  )

  it.each([
    [USER, 'process', 'daemon', 'ok'],
    [USER, 'control-group', 'daemon-kill-mode', 'warning'],
    ['/user.slice/session-3.scope', 'none', 'daemon-in-login', 'note'],
    ['/', 'none', 'daemon', 'ok'],
  ])('in %s with KillMode=%s is %s, %s', async (cgroup, mode, id, level) => {
    const { look, write, program } = newPatient()
    write('proc/4711/cgroup', `0::${cgroup}\n`)
    program('systemctl', `[ "$1" = --user ] && [ "$3" = iapeerd.service ] && echo KillMode=${mode}`)
    expect(await look('daemon', { daemon: { pid: 4711 } })).toMatchObject([{ id, level }])
  })
})
