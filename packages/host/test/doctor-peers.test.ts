import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { createPeer } from '@iapeer/core/registry'
import { scaffoldRoot } from '@iapeer/core/storage'
import { run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { describeVersions } from '../src/doctor/checks/tmux.ts'
import { patients } from './doctor-support.ts'

const newPatient = patients()
const modeOf = (path: string): number => statSync(path).mode & 0o777

async function guardOf(root: string, identity: string): Promise<number> {
  const found = (await listCanaries(rootRecordLocation(root))).find((one) => one.identity === identity)
  if (found === undefined) throw new Error(`nothing watches ${identity}`)
  return found.recorderPid
}

describe('tmux', () => {
  it.each([
    ['tmux 3.1c', ['tmux-no-guard']],
    ['tmux 3.2a', ['tmux-no-dead-signal']],
    ['tmux 3.4', ['tmux-version']],
    ['tmux 3.6', ['tmux-version']],
    ['tmux master', ['tmux-version']],
  ])('%s: %o', async (text, ids) => {
    const { look, program } = newPatient()
    program('tmux', `echo "${text}"`)
    expect((await look('tmux')).map(({ id }) => id)).toEqual(ids)
  })

  it('with utempter has its hazard told where the version has it', async () => {
    const { look, program } = newPatient()
    program('tmux', 'echo tmux 3.3a # libutempter.so.0')
    expect((await look('tmux')).map(({ id }) => id)).toEqual(['tmux-version', 'tmux-lost-sigchld'])
    program('tmux', 'echo tmux 3.6a # libutempter.so.0')
    expect((await look('tmux')).map(({ id }) => id)).toEqual(['tmux-version'])
  })

  it('that is missing or broken is said', async () => {
    const { at, context, look, program } = newPatient()
    const system = { ...context.system, env: { PATH: at('bin') } }
    expect(await look('tmux', { system })).toMatchObject([{ id: 'tmux-missing', level: 'error' }])
    program('tmux', 'echo no >&2; exit 1')
    expect(await look('tmux', { system })).toMatchObject([
      { id: 'tmux-unknown', what: expect.stringContaining('tmux -V failed: no') },
    ])
  })
})

describe('the servers of peers', () => {
  it('of another version than tmux is now, and silent ones, are warnings', async () => {
    const { look, peer, program } = newPatient()
    const session = await peer('bob')
    expect(await look('tmux-servers')).toMatchObject([
      { level: 'ok', what: expect.stringMatching(/^1 server answers, tmux /) },
    ])
    const real = (await run('sh', ['-c', 'command -v tmux'])).stdout.trim()
    program('tmux', `[ "$1" = -V ] && { echo tmux 9.9; exit; }; exec ${real} "$@"`)
    expect(await look('tmux-servers')).toMatchObject([
      {
        id: 'tmux-server-version',
        level: 'warning',
        what: expect.stringMatching(
          /^the server of command-bob runs tmux \S+, and tmux is 9\.9 now: commands work/,
        ),
        fix: expect.stringContaining('iapeer refresh command-bob'),
      },
    ])
    program(
      'tmux',
      '[ "$1" = -V ] && { echo tmux 9.9; exit; }; echo "server exited unexpectedly" >&2; exit 1',
    )
    if (process.platform === 'linux')
      expect(await look('tmux-servers')).toMatchObject([
        {
          id: 'tmux-server-refuses',
          level: 'warning',
          what: expect.stringMatching(/runs tmux \S+ and refuses tmux 9\.9: iapeer works/),
          fix: expect.stringContaining('iapeer refresh command-bob'),
        },
      ])
    program('tmux', `[ "$1" = -V ] && { echo tmux 9.9; exit; }; exec ${real} "$@"`)
    process.kill(session.server.pid, 'SIGSTOP')
    try {
      expect(await look('tmux-servers')).toMatchObject([
        { id: 'tmux-server-silent', level: 'warning', what: expect.stringContaining('nothing within 2 s') },
      ])
    } finally {
      process.kill(session.server.pid, 'SIGCONT')
    }
  })

  it('are named by their version where their own program cannot be run, as on macOS', () => {
    const found = { identity: 'command-bob', socketPath: '/s', client: '3.6a', hasOwnProgram: false }
    expect(describeVersions({ ...found, server: '3.6a', isAccepted: true })).toBeUndefined()
    expect(describeVersions({ ...found, server: '3.5a', isAccepted: true })).toMatchObject({
      id: 'tmux-server-version',
      level: 'warning',
      what: 'the server of command-bob runs tmux 3.5a, and tmux is 3.6a now: commands work, attaching with tmux itself may be refused; the peer goes on and its end is recorded',
      fix: 'At a good moment: iapeer refresh command-bob',
    })
    expect(describeVersions({ ...found, server: undefined, isAccepted: false })).toMatchObject({
      id: 'tmux-server-refuses',
      level: 'error',
      what: expect.stringContaining('runs another version of tmux and refuses tmux 3.6a: attach, send-keys'),
    })
  })

  it('that share a cgroup with their recorders are told; scopes of their own are fine', async () => {
    const { at, look, peer, root, write } = newPatient()
    const sessions = [await peer('ann'), await peer('bob')]
    const put = async (cgroups: readonly string[]) => {
      for (const [index, { identity, server }] of sessions.entries())
        for (const pid of [server.pid, await guardOf(root, identity)])
          write(`proc/${pid}/cgroup`, `0::${cgroups[index]}\n`)
    }
    await put(['/u.slice/run-r1.scope', '/u.slice/run-r2.scope'])
    expect(await look('shared-fate')).toMatchObject([{ level: 'ok' }])
    mkdirSync(at('run', 'systemd', 'system'), { recursive: true })
    await put(['/u.slice/session-3.scope', '/u.slice/run-r2.scope'])
    expect(await look('shared-fate')).toMatchObject([
      {
        id: 'shared-fate',
        level: 'warning',
        what: expect.stringMatching(/^command-ann:/),
        where: '/u.slice/session-3.scope',
      },
    ])
    await put(['/u.slice/iapeerd.service', '/u.slice/iapeerd.service'])
    expect(await look('shared-fate')).toMatchObject([
      { what: expect.stringMatching(/^command-ann, command-bob:/) },
    ])
    // Of a container, nothing can be done about it.
    await put(['/', '/'])
    expect(await look('shared-fate')).toMatchObject([{ level: 'note' }])
  })
})

describe('recorders', () => {
  it('a lost one is a warning, a dead server without a record too; --fix records it', async () => {
    const { look, peer, root } = newPatient()
    const session = await peer('bob')
    expect(await look('canaries')).toMatchObject([{ level: 'ok', what: '1 server is watched' }])
    process.kill(await guardOf(root, 'command-bob'), 'SIGKILL')
    await until('the loss', async () => (await look('canaries'))[0]?.id === 'lost-canary')
    process.kill(session.server.pid, 'SIGKILL')
    await until('the end', async () => (await look('canaries'))[0]?.id === 'orphaned-canary')
    expect(existsSync(join(root, 'logs', 'iapeer', 'exits.log'))).toBe(false)

    expect(await look('canaries', { fix: true })).toMatchObject([
      { id: 'orphaned-canary', level: 'warning', fixed: true, fix: 'Recorded now: iapeer deaths' },
    ])
    expect(readFileSync(join(root, 'logs', 'iapeer', 'exits.log'), 'utf8')).toMatch(/cause=recorder-lost/)
    expect(await look('canaries')).toEqual([])
  })
})

describe('sockets', () => {
  it('an open directory is told, and closed by --fix where it is ours', async () => {
    const { at, context, look, root } = newPatient()
    await scaffoldRoot(rootLayout(root, {}))
    expect(await look('sockets')).toMatchObject([{ level: 'ok' }])
    chmodSync(join(root, 'run'), 0o755)
    expect(await look('sockets')).toMatchObject([{ id: 'socket-directory-open', level: 'warning' }])
    expect(await look('sockets', { fix: true })).toMatchObject([{ fixed: true }])
    expect(modeOf(join(root, 'run'))).toBe(0o700)

    mkdirSync(at('mine'))
    chmodSync(at('mine'), 0o777)
    const system = { ...context.system, env: { ...context.system.env, IAPEER_SOCK_DIR: at('mine') } }
    expect(await look('sockets', { system, fix: true })).toMatchObject([
      { level: 'error', fixed: false, fix: `chmod 700 ${at('mine')}` },
    ])
    expect(modeOf(at('mine'))).toBe(0o777)
    expect(await look('sockets', { system: { ...system, uid: system.uid + 1 } })).toMatchObject([
      { id: 'socket-directory-owner', level: 'error' },
    ])
  })

  it('the longest identity decides whether the path is too long', async () => {
    const { context, look, root } = newPatient()
    const name = 'a'.repeat(32)
    const who = { defaultRuntime: toRuntime('command'), command: ['true'] }
    await createPeer(root, { personality: toPersonality('bob'), ...who })
    await createPeer(root, { personality: toPersonality(name), ...who })
    const lengths = async (directory: string) => {
      const system = { ...context.system, env: { IAPEER_SOCK_DIR: directory } }
      return (await look('sockets', { system })).filter(
        ({ id }) => id.startsWith('socket-length') || id.endsWith('too-long'),
      )
    }
    expect(await lengths('/s')).toMatchObject([
      { level: 'ok', what: expect.stringMatching(/bytes to spare/) },
    ])
    expect(await lengths(`/${'s'.repeat(60)}`)).toMatchObject([
      { level: 'note', what: expect.stringContaining(name) },
    ])
    expect(await lengths(`/${'s'.repeat(100)}`)).toMatchObject([
      { id: 'socket-path-too-long', level: 'error' },
    ])
  })
})

describe('files', () => {
  it('open ones are told, and closed by --fix; links, homes and programs of the person are left', async () => {
    const { at, context, look, root, write } = newPatient()
    await scaffoldRoot(rootLayout(root, {}))
    expect(await look('modes')).toMatchObject([{ level: 'ok' }])
    const outside = write('outside', 'x', 0o644)
    symlinkSync(outside, join(root, 'state', 'link'))
    write('root/hooks/on-death', '#!/bin/sh\n', 0o755)
    write('root/peers/bob/work.txt', 'x', 0o644)
    expect(await look('modes')).toMatchObject([{ level: 'ok' }])

    const profile = write('root/peers/bob/.iapeer/peer-profile.json', '{}', 0o644)
    const log = write('root/logs/iapeer/exits.log', '', 0o640)
    chmodSync(join(root, 'state'), 0o755)
    expect(await look('modes')).toMatchObject([
      {
        id: 'open-files',
        level: 'warning',
        what: '3 files and directories of the root are open to other users',
      },
    ])
    const other = { ...context.system, uid: context.system.uid + 1 }
    expect(await look('modes', { fix: true, system: other })).toMatchObject([
      { id: 'root-owner', level: 'error' },
      { id: 'open-files', fixed: false },
    ])
    expect(await look('modes', { fix: true })).toMatchObject([{ id: 'open-files', fixed: true }])
    expect([profile, log, join(root, 'state')].map(modeOf)).toEqual([0o600, 0o600, 0o700])
    expect(
      [outside, at('root', 'hooks', 'on-death'), at('root', 'peers', 'bob', 'work.txt')].map(modeOf),
    ).toEqual([0o644, 0o755, 0o644])
    expect(await look('modes')).toMatchObject([{ level: 'ok' }])
  })

  it.each([
    [0o755, 'note'],
    [0o777, 'error'],
  ])('a root of mode %i is a %s, and stays the choice of the person', async (mode, level) => {
    const { look, root } = newPatient()
    mkdirSync(root)
    chmodSync(root, mode)
    expect(await look('modes', { fix: true })).toMatchObject([{ id: 'root-open', level }])
    expect(modeOf(root)).toBe(mode)
  })

  it('temporaries of writers that were killed are swept by --fix', async () => {
    const { look, root } = newPatient()
    await scaffoldRoot(rootLayout(root, {}))
    const [old, young, living] = ['999999999', '999999998', String(process.pid)].map((pid) =>
      join(root, 'state', 'lifecycle', `command-bob.session.${pid}.abc1.tmp`),
    )
    for (const path of [old, young, living]) writeFileSync(path ?? '', '', { mode: 0o600 })
    const past = new Date(Date.now() - 2 * 3_600_000)
    for (const path of [old, living]) utimesSync(path ?? '', past, past)
    expect(await look('temporaries')).toMatchObject([{ level: 'note', what: expect.stringMatching(/^2 /) }])
    expect(await look('temporaries', { fix: true })).toMatchObject([{ fixed: false, where: living }])
    expect(existsSync(old ?? '')).toBe(false)
    expect(readdirSync(join(root, 'state', 'lifecycle'))).toHaveLength(2)
  })

  it('a registry that differs from the profiles, and files set aside, are told', async () => {
    const { look, root, write } = newPatient()
    const { home } = await createPeer(root, {
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime('command'),
      command: ['true'],
    })
    expect(await look('registry')).toMatchObject([{ level: 'ok' }])
    const profile = join(home, '.iapeer', 'peer-profile.json')
    writeFileSync(profile, readFileSync(profile, 'utf8').replace('"bob"', '"rob"'))
    const before = readFileSync(join(root, 'peers-profiles.json'), 'utf8')
    expect(await look('registry', { fix: true })).toMatchObject([
      { id: 'field-differs', level: 'warning', fix: 'iapeer verify --fix' },
      { id: 'link-missing' },
    ])
    expect(readFileSync(join(root, 'peers-profiles.json'), 'utf8')).toBe(before)
    write('root/peers-profiles.json', '{')
    expect((await look('registry'))[0]).toMatchObject({ id: 'registry-corrupt', level: 'error' })

    expect(await look('set-aside')).toEqual([])
    write('root/state/lifecycle/command-bob.session.corrupt', '?')
    expect(await look('set-aside')).toMatchObject([{ level: 'note', id: 'state-set-aside' }])
  })
})
