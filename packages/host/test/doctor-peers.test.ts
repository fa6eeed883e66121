import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
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
import { testHosts } from './doctor-support.ts'

const newHost = testHosts()
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
    const { runCheck, program } = newHost()
    program('tmux', `echo "${text}"`)
    expect((await runCheck('tmux')).map(({ id }) => id)).toEqual(ids)
  })

  it('with utempter has a note about lost exits in the affected versions', async () => {
    const { runCheck, program } = newHost()
    program('tmux', 'echo tmux 3.3a # libutempter.so.0')
    expect((await runCheck('tmux')).map(({ id }) => id)).toEqual(['tmux-version', 'tmux-lost-sigchld'])
    program('tmux', 'echo tmux 3.6a # libutempter.so.0')
    expect((await runCheck('tmux')).map(({ id }) => id)).toEqual(['tmux-version'])
  })

  it('that is missing or broken is reported', async () => {
    const { at, context, runCheck, program } = newHost()
    const system = { ...context.system, env: { PATH: at('bin') } }
    expect(await runCheck('tmux', { system })).toMatchObject([{ id: 'tmux-missing', level: 'error' }])
    program('tmux', 'echo no >&2; exit 1')
    expect(await runCheck('tmux', { system })).toMatchObject([
      { id: 'tmux-unknown', what: expect.stringContaining('tmux -V failed: no') },
    ])
  })
})

describe('the tmux.conf of peers', () => {
  it('is named once with what is set back in it, and not for anything else', async () => {
    const { root, runCheck, peer, write } = newHost()
    write('root/tmux.conf', 'set -g status off\n', 0o600)
    await peer('ann')
    expect(await runCheck('tmux-conf')).toEqual([])
    write('root/tmux.conf', 'set -s exit-unattached on\nset -s exit-empty off\n', 0o600)
    await peer('bob')
    await peer('cid')
    expect(await runCheck('tmux-conf')).toMatchObject([
      {
        id: 'tmux-conf-set-back',
        level: 'note',
        what: expect.stringMatching(/: exit-empty, exit-unattached$/),
        where: join(root, 'tmux.conf'),
      },
    ])
  })
})

describe('the servers of peers', () => {
  it('whose socket was removed are errors, with the signal that makes it anew', async () => {
    const { runCheck, peer } = newHost()
    const { socketPath, server } = await peer('bob')
    rmSync(socketPath)
    expect(await runCheck('tmux-servers')).toMatchObject([
      {
        id: 'tmux-server-unreachable',
        level: 'error',
        where: socketPath,
        fix: `To make the socket anew: kill -USR1 ${server.pid}`,
      },
    ])
    process.kill(server.pid, 'SIGUSR1')
    await until('the socket', async () => (await runCheck('tmux-servers'))[0]?.level === 'ok')
  })

  it('of another version than the installed tmux, and unresponsive ones, are warnings', async () => {
    const { runCheck, peer, program } = newHost()
    const session = await peer('bob')
    expect(await runCheck('tmux-servers')).toMatchObject([
      { level: 'ok', what: expect.stringMatching(/^1 tmux server answers, version /) },
    ])
    const real = (await run('sh', ['-c', 'command -v tmux'])).stdout.trim()
    program('tmux', `[ "$1" = -V ] && { echo tmux 9.9; exit; }; exec ${real} "$@"`)
    expect(await runCheck('tmux-servers')).toMatchObject([
      {
        id: 'tmux-server-version',
        level: 'warning',
        what: expect.stringMatching(
          /^the tmux server of command-bob runs version \S+, but the installed tmux is 9\.9: commands work/,
        ),
        fix: expect.stringContaining('iapeer restart command-bob'),
      },
    ])
    program(
      'tmux',
      '[ "$1" = -V ] && { echo tmux 9.9; exit; }; echo "server exited unexpectedly" >&2; exit 1',
    )
    if (process.platform === 'linux')
      expect(await runCheck('tmux-servers')).toMatchObject([
        {
          id: 'tmux-server-refuses',
          level: 'warning',
          what: expect.stringMatching(/runs version \S+ and refuses tmux 9\.9: iapeer works/),
          fix: expect.stringContaining('iapeer restart command-bob'),
        },
      ])
    program('tmux', `[ "$1" = -V ] && { echo tmux 9.9; exit; }; exec ${real} "$@"`)
    process.kill(session.server.pid, 'SIGSTOP')
    try {
      expect(await runCheck('tmux-servers')).toMatchObject([
        { id: 'tmux-server-silent', level: 'warning', what: expect.stringContaining('no answer within 2 s') },
      ])
    } finally {
      process.kill(session.server.pid, 'SIGCONT')
    }
  })

  it('are reported with their version where their own program cannot be run, as on macOS', () => {
    const found = { identity: 'command-bob', socketPath: '/s', client: '3.6a', hasOwnProgram: false }
    expect(describeVersions({ ...found, server: '3.6a', isAccepted: true })).toBeUndefined()
    expect(describeVersions({ ...found, server: '3.5a', isAccepted: true })).toMatchObject({
      id: 'tmux-server-version',
      level: 'warning',
      what: 'the tmux server of command-bob runs version 3.5a, but the installed tmux is 3.6a: commands work, but attaching with tmux itself may fail; the peer keeps running and its death will be recorded',
      fix: 'Restart the peer when convenient: iapeer restart command-bob',
    })
    expect(describeVersions({ ...found, server: undefined, isAccepted: false })).toMatchObject({
      id: 'tmux-server-refuses',
      level: 'error',
      what: expect.stringContaining('runs another version and refuses tmux 3.6a: attach, send-keys'),
    })
  })

  it('that share a cgroup with their recorders are reported, except in scopes of their own', async () => {
    const { at, runCheck, peer, root, write } = newHost()
    const sessions = [await peer('ann'), await peer('bob')]
    const put = async (cgroups: readonly string[]) => {
      for (const [index, { identity, server }] of sessions.entries())
        for (const pid of [server.pid, await guardOf(root, identity)])
          write(`proc/${pid}/cgroup`, `0::${cgroups[index]}\n`)
    }
    await put(['/u.slice/run-r1.scope', '/u.slice/run-r2.scope'])
    expect(await runCheck('shared-fate')).toMatchObject([{ level: 'ok' }])
    mkdirSync(at('run', 'systemd', 'system'), { recursive: true })
    await put(['/u.slice/session-3.scope', '/u.slice/run-r2.scope'])
    expect(await runCheck('shared-fate')).toMatchObject([
      {
        id: 'shared-fate',
        level: 'warning',
        what: expect.stringMatching(/^command-ann:/),
        where: '/u.slice/session-3.scope',
      },
    ])
    await put(['/u.slice/iapeerd.service', '/u.slice/iapeerd.service'])
    expect(await runCheck('shared-fate')).toMatchObject([
      { what: expect.stringMatching(/^command-ann, command-bob:/) },
    ])
    // In a container the user cannot change the cgroups.
    await put(['/', '/'])
    expect(await runCheck('shared-fate')).toMatchObject([{ level: 'note' }])
  })
})

describe('recorders', () => {
  it('that died are a warning, and so is a dead server without a record; --fix records the death', async () => {
    const { runCheck, peer, root } = newHost()
    const session = await peer('bob')
    expect(await runCheck('canaries')).toMatchObject([{ level: 'ok', what: '1 tmux server has a recorder' }])
    process.kill(await guardOf(root, 'command-bob'), 'SIGKILL')
    await until('the loss', async () => (await runCheck('canaries'))[0]?.id === 'lost-canary')
    process.kill(session.server.pid, 'SIGKILL')
    await until('the unsettled death', async () => (await runCheck('canaries'))[0]?.id === 'orphaned-canary')
    expect(existsSync(join(root, 'logs', 'iapeer', 'exits.log'))).toBe(false)

    expect(await runCheck('canaries', { fix: true })).toMatchObject([
      { id: 'orphaned-canary', level: 'warning', fixed: true, fix: 'Recorded now: iapeer deaths' },
    ])
    expect(readFileSync(join(root, 'logs', 'iapeer', 'exits.log'), 'utf8')).toMatch(/cause=recorder-lost/)
    expect(await runCheck('canaries')).toEqual([])
  })
})

describe('the socket directory', () => {
  it('that other users can access is reported, and --fix repairs the default directory only', async () => {
    const { at, context, runCheck, root } = newHost()
    await scaffoldRoot(rootLayout(root, {}))
    expect(await runCheck('sockets')).toMatchObject([{ level: 'ok' }])
    chmodSync(join(root, 'run'), 0o755)
    expect(await runCheck('sockets')).toMatchObject([{ id: 'socket-directory-open', level: 'warning' }])
    expect(await runCheck('sockets', { fix: true })).toMatchObject([{ fixed: true }])
    expect(modeOf(join(root, 'run'))).toBe(0o700)

    mkdirSync(at('mine'))
    chmodSync(at('mine'), 0o777)
    const system = { ...context.system, env: { ...context.system.env, IAPEER_SOCK_DIR: at('mine') } }
    expect(await runCheck('sockets', { system, fix: true })).toMatchObject([
      { level: 'error', fixed: false, fix: `chmod 700 ${at('mine')}` },
    ])
    expect(modeOf(at('mine'))).toBe(0o777)
    expect(await runCheck('sockets', { system: { ...system, uid: system.uid + 1 } })).toMatchObject([
      { id: 'socket-directory-owner', level: 'error' },
    ])
  })

  it('is too long if the socket of the longest identity does not fit', async () => {
    const { context, runCheck, root } = newHost()
    const name = 'a'.repeat(32)
    const profile = { defaultRuntime: toRuntime('command'), command: ['true'] }
    await createPeer(root, { personality: toPersonality('bob'), ...profile })
    await createPeer(root, { personality: toPersonality(name), ...profile })
    const lengths = async (directory: string) => {
      const system = { ...context.system, env: { IAPEER_SOCK_DIR: directory } }
      return (await runCheck('sockets', { system })).filter(
        ({ id }) => id.startsWith('socket-length') || id.endsWith('too-long'),
      )
    }
    expect(await lengths('/s')).toMatchObject([
      { level: 'ok', what: expect.stringMatching(/bytes below the limit/) },
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
  it("that other users can access are reported and repaired by --fix; links, homes and the user's programs are not changed", async () => {
    const { at, context, runCheck, root, write } = newHost()
    await scaffoldRoot(rootLayout(root, {}))
    expect(await runCheck('modes')).toMatchObject([{ level: 'ok' }])
    const outside = write('outside', 'x', 0o644)
    symlinkSync(outside, join(root, 'state', 'link'))
    write('root/hooks/on-death', '#!/bin/sh\n', 0o755)
    write('root/peers/bob/work.txt', 'x', 0o644)
    expect(await runCheck('modes')).toMatchObject([{ level: 'ok' }])

    const profile = write('root/peers/bob/.iapeer/peer-profile.json', '{}', 0o644)
    const log = write('root/logs/iapeer/exits.log', '', 0o640)
    chmodSync(join(root, 'state'), 0o755)
    expect(await runCheck('modes')).toMatchObject([
      {
        id: 'open-files',
        level: 'warning',
        what: 'other users can access 3 files and directories in the root',
      },
    ])
    const other = { ...context.system, uid: context.system.uid + 1 }
    expect(await runCheck('modes', { fix: true, system: other })).toMatchObject([
      { id: 'root-owner', level: 'error' },
      { id: 'open-files', fixed: false },
    ])
    expect(await runCheck('modes', { fix: true })).toMatchObject([{ id: 'open-files', fixed: true }])
    expect([profile, log, join(root, 'state')].map(modeOf)).toEqual([0o600, 0o600, 0o700])
    expect(
      [outside, at('root', 'hooks', 'on-death'), at('root', 'peers', 'bob', 'work.txt')].map(modeOf),
    ).toEqual([0o644, 0o755, 0o644])
    expect(await runCheck('modes')).toMatchObject([{ level: 'ok' }])
  })

  it.each([
    [0o755, 'note'],
    [0o777, 'error'],
  ])('a root of mode %i is a %s, and --fix does not change it', async (mode, level) => {
    const { runCheck, root } = newHost()
    mkdirSync(root)
    chmodSync(root, mode)
    expect(await runCheck('modes', { fix: true })).toMatchObject([{ id: 'root-open', level }])
    expect(modeOf(root)).toBe(mode)
  })

  it('that killed processes left behind are removed by --fix', async () => {
    const { runCheck, root } = newHost()
    await scaffoldRoot(rootLayout(root, {}))
    const [old, young, inUse] = ['999999999', '999999998', String(process.pid)].map((pid) =>
      join(root, 'state', 'lifecycle', `command-bob.session.${pid}.abc1.tmp`),
    )
    for (const path of [old, young, inUse]) writeFileSync(path ?? '', '', { mode: 0o600 })
    const past = new Date(Date.now() - 2 * 3_600_000)
    for (const path of [old, inUse]) utimesSync(path ?? '', past, past)
    expect(await runCheck('temporaries')).toMatchObject([
      { level: 'note', what: expect.stringMatching(/^2 /) },
    ])
    expect(await runCheck('temporaries', { fix: true })).toMatchObject([{ fixed: false, where: inUse }])
    expect(existsSync(old ?? '')).toBe(false)
    expect(readdirSync(join(root, 'state', 'lifecycle'))).toHaveLength(2)
  })

  it('of a registry that differs from the profiles, and unreadable state files, are reported', async () => {
    const { runCheck, root, write } = newHost()
    const { home } = await createPeer(root, {
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime('command'),
      command: ['true'],
    })
    expect(await runCheck('registry')).toMatchObject([{ level: 'ok' }])
    const profile = join(home, '.iapeer', 'peer-profile.json')
    writeFileSync(profile, readFileSync(profile, 'utf8').replace('"bob"', '"rob"'))
    const before = readFileSync(join(root, 'peers-profiles.json'), 'utf8')
    expect(await runCheck('registry', { fix: true })).toMatchObject([
      { id: 'field-differs', level: 'warning', fix: 'Repair it: iapeer verify --fix' },
      { id: 'link-missing' },
    ])
    expect(readFileSync(join(root, 'peers-profiles.json'), 'utf8')).toBe(before)
    write('root/peers-profiles.json', '{')
    expect((await runCheck('registry'))[0]).toMatchObject({ id: 'registry-corrupt', level: 'error' })

    expect(await runCheck('set-aside')).toEqual([])
    write('root/state/lifecycle/command-bob.session.corrupt', '?')
    expect(await runCheck('set-aside')).toMatchObject([{ level: 'note', id: 'state-set-aside' }])
  })
})
