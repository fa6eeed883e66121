import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { type Finished, isFullCampaign, run, serverAt, startServer, until } from '@iapeer/dev/testing'
import { answeringDaemon, stopDaemon } from '@iapeer/host'
import { listSessions, type PeerSession } from '@iapeer/lifecycle/sessions'
import { afterEach, describe, expect, it } from 'vitest'
import { removalOf } from '../src/commands/setup/uninstall-text.ts'
import { homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

/** A private root, HOME and configuration directory. */
function newUser() {
  const home = newHome()
  roots.push(home.root)
  const user = join(home.path, 'home')
  mkdirSync(user)
  const variables = {
    HOME: user,
    XDG_CONFIG_HOME: join(user, '.config'),
    XDG_DATA_HOME: join(user, '.local', 'share'),
  }
  const iapeer = (...args: string[]): Promise<Finished> => home.iapeerWith(variables, ...args)
  const ok = async (...args: string[]): Promise<string> => {
    const done = await iapeer(...args)
    expect([args, done.exitCode, done.stderr.replace(/^iapeer: without the daemon.*\n/m, '')]).toEqual([
      args,
      0,
      '',
    ])
    return done.stdout
  }
  const session = async (name: string): Promise<PeerSession> => {
    const found = (await listSessions(home.root)).find(({ identity }) => identity === `command-${name}`)
    if (found === undefined) throw new Error(`${name} is not running`)
    return found
  }
  const at = (...parts: string[]): string => join(user, ...parts)
  return { ...home, user, at, variables, iapeer, ok, session }
}

it.each([
  ['the Debian package', '/usr/share/iapeer', 'sudo apt remove iapeer'],
  [
    'Homebrew',
    '/opt/homebrew/Cellar/iapeer/0.2.0/libexec/lib/node_modules/@iapeer/cli',
    'brew uninstall iapeer',
  ],
  [
    'npm',
    '/usr/local/lib/node_modules/@iapeer/cli',
    'npm uninstall --global --prefix /usr/local @iapeer/cli',
  ],
  [
    'npm with a prefix',
    '/home/ann/my np/lib/node_modules/@iapeer/cli',
    "npm uninstall --global --prefix '/home/ann/my np' @iapeer/cli",
  ],
  [
    'a project',
    '/home/ann/work/node_modules/@iapeer/cli',
    'npm uninstall --prefix /home/ann/work @iapeer/cli',
  ],
  [
    'pnpm',
    '/home/ann/.local/share/pnpm/global/5/.pnpm/@iapeer+cli@0.2.0/node_modules/@iapeer/cli',
    'pnpm remove --global @iapeer/cli',
  ],
  [
    'pnpm 12',
    '/home/ann/.local/share/pnpm/store/v11/links/@iapeer/cli/0.2.0/0c2b17b74d82/node_modules/@iapeer/cli',
    'pnpm remove --global @iapeer/cli',
  ],
  [
    'a project of pnpm',
    '/home/ann/work/node_modules/.pnpm/@iapeer+cli@0.2.0/node_modules/@iapeer/cli',
    'pnpm --dir /home/ann/work remove @iapeer/cli',
  ],
  ['a copy', '/opt/iapeer it', "rm -rf '/opt/iapeer it'"],
])(
  'of a program that %s installed, the uninstallation names the command that removes it',
  (_by, app, command) => {
    expect(removalOf(join(app, 'dist', 'main.js'))).toEqual([app, command])
  },
)

it('of a clone, the uninstallation names the directory of the clone', () => {
  expect(removalOf('/home/me/iapeer/apps/cli/dist/main.js')).toEqual([
    '/home/me/iapeer',
    'rm -rf /home/me/iapeer',
  ])
})

const recordersOf = async (root: string) => listCanaries(rootRecordLocation(root))

describe('iapeer uninstall', () => {
  it('--stop-peers stops peers, watches and the daemon, records no death, and removes what was installed', async () => {
    const { root, at, ok, session, server } = newUser()
    for (const name of ['ann', 'bob', 'cid']) await ok('create', name, '--', 'sleep', '1000')
    for (const name of ['ann', 'bob']) await ok('start', name, '--no-daemon')
    const watched = await server('own')
    await ok('watch', watched.socketPath, '--keep')
    await ok('daemon', 'start')
    await ok('install')
    for (const [shell, file] of [
      ['bash', at('.local', 'share', 'bash-completion', 'completions', 'iapeer')],
      ['zsh', at('.zfunc', '_iapeer')],
      ['fish', at('.config', 'fish', 'completions', 'iapeer.fish')],
    ] as const) {
      mkdirSync(join(file, '..'), { recursive: true })
      writeFileSync(file, await ok('completion', shell))
    }
    writeFileSync(
      at('.bashrc'),
      'x=1\n. ~/.local/share/bash-completion/completions/iapeer\nexport PATH="$HOME/.local/bin:$PATH"\n',
    )
    writeFileSync(at('.profile'), 'if :; then\n  PATH="$HOME/.local/bin:$PATH"\nfi\n')
    const [ann, bob] = [await session('ann'), await session('bob')]
    const daemon = await answeringDaemon(root)

    const printed = await ok('uninstall', '--stop-peers')
    for (const { socketPath, server: process } of [ann, bob])
      expect(serverAt(socketPath, process.pid).alive()).toBe(false)
    expect(watched.alive()).toBe(true)
    expect(await recordersOf(root)).toEqual([])
    expect(await answeringDaemon(root)).toBe(undefined)
    expect(printed).toContain(`the daemon (pid ${daemon?.health.pid}) is stopped`)
    expect(printed).toContain('stopped: ann, bob\n')
    expect(printed).toContain('its tmux server keeps running')
    for (const file of [
      at('.local', 'bin', 'iapeer'),
      at('.zfunc', '_iapeer'),
      at('.config', 'fish', 'completions', 'iapeer.fish'),
      at('.local', 'share', 'bash-completion', 'completions', 'iapeer'),
    ]) {
      expect(existsSync(file)).toBe(false)
      expect(printed).toContain(`removed ${file}`)
    }
    expect(printed).toMatch(new RegExp(`${at('.bashrc')}:2 +names iapeer; delete that line`))
    expect(printed).toMatch(
      new RegExp(`${at('.bashrc')}:3 +puts ~/.local/bin on your PATH; delete that line`),
    )
    expect(printed).not.toContain(at('.profile'))
    expect(printed).toMatch(new RegExp(`${root} .*peers \\(homes\\).*rm -rf ${root}`))
    expect(readFileSync(at('.bashrc'), 'utf8')).toContain('completions/iapeer')
    expect(existsSync(join(root, 'logs', 'iapeer', 'exits.log'))).toBe(false)
    expect(await ok('deaths')).toBe('no deaths recorded\n')
    expect(await ok('list')).toMatch(/ann +stopped/)
    // A kept watch is forgotten: no command arms it again.
    expect(await recordersOf(root)).toEqual([])
  }, 60_000)

  it.runIf(isFullCampaign())(
    '--keep-peers keeps peers reachable and recorded, and a later --stop-peers stops them',
    async () => {
      const { root, at, ok, session } = newUser()
      for (const name of ['ann', 'bob']) await ok('create', name, '--', 'sleep', '1000')
      for (const name of ['ann', 'bob']) await ok('start', name, '--no-daemon')
      await ok('daemon', 'start')
      await ok('install')
      const [ann, bob] = [await session('ann'), await session('bob')]
      const printed = await ok('uninstall', '--keep-peers')
      expect(await answeringDaemon(root)).toBe(undefined)
      expect(existsSync(at('.local', 'bin', 'iapeer'))).toBe(false)
      expect(printed).toMatch(new RegExp(`command-ann +tmux -S ${ann.socketPath} attach\\n`))
      expect(printed).toContain('to delete it, once no peer runs: rm -rf')
      expect(printed).toContain('No peer is restarted')
      // Reachable by the printed command, and a death is recorded without any iapeer process.
      const seen = await run('tmux', ['-S', ann.socketPath, 'list-sessions'], {
        env: { ...process.env, TMUX: '' },
      })
      expect(seen.exitCode).toBe(0)
      serverAt(bob.socketPath, bob.server.pid).kill('SIGKILL')
      const log = join(root, 'logs', 'iapeer', 'exits.log')
      await until(
        'the record',
        () => existsSync(log) && readFileSync(log, 'utf8').includes('identity=command-bob '),
      )
      expect(await ok('uninstall', '--stop-peers')).toContain('stopped: ann\n')
      expect(serverAt(ann.socketPath, ann.server.pid).alive()).toBe(false)
      expect(jsonLines(await ok('deaths', '--json')).map(({ identity }) => identity)).toEqual(['command-bob'])
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    '--delete-records deletes records, messages, logs and state, and keeps homes, profiles, settings and linked directories',
    async () => {
      const { root, path, ok, session } = newUser()
      await ok('create', 'ann', '--', 'sleep', '1000')
      await ok('create', 'bob', '--home', join(path, 'work'), '--', 'sleep', '1000')
      await ok('config', 'set', 'daemon.tick_secs', '30')
      await ok('start', 'ann', '--no-daemon')
      const { server: process, socketPath } = await session('ann')
      const other = join(path, 'other')
      mkdirSync(other)
      writeFileSync(join(other, 'mine'), '')
      symlinkSync(other, join(root, 'logs', 'linked'))
      writeFileSync(join(root, 'peers', 'ann', 'work.txt'), 'work')
      const printed = await ok('uninstall', '--stop-peers', '--delete-records')
      expect(serverAt(socketPath, process.pid).alive()).toBe(false)
      expect(readdirSync(root).sort()).toEqual([
        'config.toml',
        'hooks',
        'peers',
        'peers-profiles.json',
        'state',
      ])
      expect(readdirSync(join(root, 'state'))).toEqual(['homes'])
      expect(readFileSync(join(root, 'peers', 'ann', 'work.txt'), 'utf8')).toBe('work')
      expect(readdirSync(other)).toEqual(['mine'])
      expect(printed).toContain(
        `deleted the records, messages and logs in ${root}, and the state that no peer needs`,
      )
      expect(printed).toMatch(new RegExp(`${join(path, 'work')} +the home of a peer`))
      // The peers are still known, and start again after a new installation.
      expect(await ok('list')).toMatch(/ann[\s\S]*bob/)
      await ok('start', 'ann', '--no-daemon')
      await ok('stop', 'ann')
    },
    60_000,
  )

  it('is refused without a choice or with two, and nothing is changed', async () => {
    const { ok, iapeer, root, at } = newUser()
    await ok('create', 'ann', '--', 'sleep', '1000')
    await ok('daemon', 'start')
    await ok('install')
    const needs = 'without a terminal, iapeer uninstall needs --stop-peers or --keep-peers'
    for (const [options, message] of [
      [[], needs],
      [['--json'], needs],
      [['--yes'], needs],
      [['--delete-records'], needs],
      [['--stop-peers', '--keep-peers'], '--stop-peers cannot be combined with --keep-peers'],
      [['--keep-peers', '--delete-records'], '--delete-records cannot be combined with --keep-peers'],
    ] as const) {
      const done = await iapeer('uninstall', ...options)
      expect(done).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(message) })
    }
    expect(await answeringDaemon(root)).toBeDefined()
    expect(existsSync(at('.local', 'bin', 'iapeer'))).toBe(true)
  })

  it('leaves files of other programs at the paths of the completion scripts', async () => {
    const { ok, at } = newUser()
    mkdirSync(at('.zfunc', '_iapeer'), { recursive: true })
    mkdirSync(at('.config', 'fish', 'completions'), { recursive: true })
    const file = at('.config', 'fish', 'completions', 'iapeer.fish')
    writeFileSync(file, 'complete -c iapeer -a mine # fish completion for iapeer\n')
    expect(await ok('uninstall', '--stop-peers')).not.toContain('removed')
    expect([existsSync(file), existsSync(at('.zfunc', '_iapeer'))]).toEqual([true, true])
  })

  it('can be repeated, also where iapeer was never used, and then writes nothing', async () => {
    const { ok, user, root } = newUser()
    for (const _time of [1, 2]) expect(await ok('uninstall', '--stop-peers')).toMatch(/^\nWhat stays:\n/)
    expect(readdirSync(user)).toEqual([])
    expect(existsSync(root)).toBe(false)
    expect(JSON.parse(await ok('uninstall', '--keep-peers', '--json'))).toEqual({
      schemaVersion: 2,
      peers: 'kept',
      names: [],
      removed: [],
    })
  })

  it.runIf(isFullCampaign())(
    'a peer that cannot be stopped is an error: launcher and records stay',
    async () => {
      const { ok, iapeer, root, at, session } = newUser()
      await ok('create', 'ann', '--', 'sleep', '1000')
      await ok('start', 'ann', '--no-daemon')
      await ok('install')
      const { socketPath, server } = await session('ann')
      const process = serverAt(socketPath, server.pid)
      // Another server has taken the socket of the peer: a stop needs --force.
      const { renameSync } = await import('node:fs')
      renameSync(socketPath, `${socketPath}.away`)
      const taker = await startServer(socketPath)
      try {
        const done = await iapeer('uninstall', '--stop-peers', '--delete-records')
        expect(done.exitCode).toBe(1)
        expect(done.stderr).toContain('not every peer could be stopped')
        expect(existsSync(at('.local', 'bin', 'iapeer'))).toBe(true)
        expect(existsSync(join(root, 'state', 'lifecycle'))).toBe(true)
        expect(process.alive()).toBe(true)
      } finally {
        await taker.end()
        renameSync(`${socketPath}.away`, socketPath)
      }
      await ok('stop', 'ann')
    },
    60_000,
  )
})

describe('iapeer uninstall at a terminal', () => {
  /** Runs it in a pane of a private tmux server, and answers the questions one after another. */
  async function atTerminal(
    user: ReturnType<typeof newUser>,
    args: string,
    answers: readonly [RegExp, string][],
  ) {
    const pane = await user.server('terminal')
    const settings = Object.entries({
      ...user.variables,
      IAPEER_ROOT: user.root,
      NO_COLOR: '1',
      LC_ALL: 'C.UTF-8',
    })
    const words = settings.map(([name, value]) => `${name}='${value}'`).join(' ')
    const command = `env -u TMUX ${words} '${process.execPath}' '${MAIN}' ${args}; echo "code $?"; exec sleep 1000`
    await pane.tmux('resize-window', '-t', 'main', '-x', '160', '-y', '45')
    await pane.tmux('respawn-pane', '-k', '-t', 'main', command)
    const screen = async () => (await pane.tmux('capture-pane', '-p', '-t', 'main')).stdout
    for (const [question, answer] of answers) {
      await until(`the question ${question}`, async () => question.test(await screen()), 20_000)
      await pane.tmux('send-keys', '-t', 'main', answer, 'Enter')
    }
    return until(
      'the end',
      async () => {
        const text = await screen()
        return /^code \d/m.test(text) ? text : undefined
      },
      20_000,
    )
  }

  it('prints what it would do; without an answer, nothing is changed', async () => {
    const user = newUser()
    await user.ok('create', 'ann', '--', 'sleep', '1000')
    await user.ok('start', 'ann', '--no-daemon')
    await user.ok('install')
    const text = await atTerminal(user, 'uninstall', [[/\[stop\/keep\/CANCEL\]/, '']])
    expect(text).toMatch(/running peers +ann/)
    expect(text).toMatch(/Nothing is changed\.\n\s*code 1/)
    const { socketPath, server } = await user.session('ann')
    expect(serverAt(socketPath, server.pid).alive()).toBe(true)
    expect(existsSync(user.at('.local', 'bin', 'iapeer'))).toBe(true)
    await user.ok('stop', 'ann')
  }, 60_000)

  it.runIf(isFullCampaign())(
    'stops the peers after "stop" and "y"',
    async () => {
      const user = newUser()
      await user.ok('create', 'ann', '--', 'sleep', '1000')
      await user.ok('start', 'ann', '--no-daemon')
      await user.ok('install')
      const { socketPath, server } = await user.session('ann')
      const text = await atTerminal(user, 'uninstall', [
        [/\[stop\/keep\/CANCEL\]/, 'stop'],
        [/Uninstall\? \[y\/N\]/, 'y'],
      ])
      expect(text).toMatch(/stopped: ann[\s\S]*code 0/)
      expect(serverAt(socketPath, server.pid).alive()).toBe(false)
      expect(existsSync(user.at('.local', 'bin', 'iapeer'))).toBe(false)
    },
    60_000,
  )

  it('remove --purge asks, and keeps the peer and its home unless the answer is yes', async () => {
    const user = newUser()
    await user.ok('create', 'ann', '--', 'sleep', '1000')
    const home = join(user.root, 'peers', 'ann')
    const kept = await atTerminal(user, 'remove ann --purge', [[/everything in it\? \[y\/N\]/, 'n']])
    expect(kept).toMatch(/Nothing is changed\.\n\s*code 1/)
    expect(existsSync(home)).toBe(true)
  }, 60_000)
})

describe('iapeer remove --purge', () => {
  it('deletes the home that iapeer made, with all files; links in it are not followed', async () => {
    const { ok, root, path } = newUser()
    await ok('create', 'ann', '--', 'sleep', '1000')
    const home = join(root, 'peers', 'ann')
    const other = join(path, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'mine'), '')
    symlinkSync(other, join(home, 'link'))
    writeFileSync(join(home, 'work'), '')
    expect(await ok('remove', 'ann', '--purge', '--yes')).toBe(`ann is removed, and ${home} is deleted\n`)
    expect(existsSync(home)).toBe(false)
    expect(readdirSync(other)).toEqual(['mine'])
    expect((await ok('list')).trim()).not.toContain('ann')
    // A peer of that name starts with an empty home.
    await ok('create', 'ann', '--', 'sleep', '1000')
    expect(readdirSync(home)).toEqual(['.iapeer'])
  })

  it.runIf(isFullCampaign())(
    'deletes the home of a renamed peer, and with --force stops a running one',
    async () => {
      const { ok, root, iapeer } = newUser()
      await ok('create', 'ann', '--', 'sleep', '1000')
      await ok('rename', 'ann', 'eve')
      await ok('start', 'eve', '--no-daemon')
      expect(await iapeer('remove', 'eve', '--purge', '--yes')).toMatchObject({ exitCode: 1, stdout: '' })
      expect(existsSync(join(root, 'peers', 'ann'))).toBe(true)
      expect(await ok('remove', 'eve', '--purge', '--yes', '--force')).toMatch(
        /^stopped eve: pid \d+\neve is removed, and /,
      )
      expect(readdirSync(join(root, 'peers'))).toEqual([])
    },
  )

  it('without a terminal it needs --yes', async () => {
    const { ok, iapeer, root } = newUser()
    await ok('create', 'ann', '--', 'sleep', '1000')
    const done = await iapeer('remove', 'ann', '--purge')
    expect(done).toMatchObject({ exitCode: 2, stdout: '' })
    expect(done.stderr).toMatch(/without a terminal it needs --yes\n {2}iapeer remove ann --purge --yes\n/)
    expect(existsSync(join(root, 'peers', 'ann'))).toBe(true)
  })

  it.each([
    'a directory elsewhere',
    'a link in the directory of homes',
    'a directory that another peer uses',
  ])('refuses %s, and changes nothing', async (kind) => {
    const { ok, iapeer, root, path } = newUser()
    const work = join(path, 'work')
    mkdirSync(work)
    writeFileSync(join(work, 'mine'), '')
    if (kind === 'a link in the directory of homes') {
      await ok('create', 'eve', '--', 'sleep', '1000')
      symlinkSync(work, join(root, 'peers', 'ann'))
      await ok('create', 'ann', '--home', join(root, 'peers', 'ann'), '--', 'sleep', '1000')
    } else if (kind === 'a directory elsewhere')
      await ok('create', 'ann', '--home', work, '--', 'sleep', '1000')
    else {
      await ok('create', 'ann', '--', 'sleep', '1000')
      await ok('create', 'eve', '--cwd', join(root, 'peers', 'ann'), '--', 'sleep', '1000')
    }
    const done = await iapeer('remove', 'ann', '--purge', '--yes')
    expect(done).toMatchObject({ exitCode: 1, stdout: '' })
    expect(done.stderr).toMatch(/nothing was changed\n {2}Remove the peer without --purge/)
    expect(await ok('list')).toMatch(/ann/)
    expect(existsSync(join(work, 'mine'))).toBe(true)
    expect(await ok('remove', 'ann')).toMatch(/its files stay/)
  })
})
