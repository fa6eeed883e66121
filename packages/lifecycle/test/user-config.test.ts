import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { campaignCases, isFullCampaign, until } from '@iapeer/dev/testing'
import { TmuxServer, tmuxVersion } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import { launchPeer, type PeerSession, settleFleet, statusOf, stopPeer } from '../src/index.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot } = roots()
const BOB = toIdentity('command-bob')
/** tmux before 3.3 does not report signals. */
const SIGKILL = (await tmuxVersion()).degraded.includes('no-dead-signal') ? '' : 'SIGKILL'

interface Variant {
  readonly name: string
  readonly conf: string
  /** What the start says about it, without the path. @default nothing */
  readonly setBack?: readonly string[]
  /** A message of tmux that the start passes on. */
  readonly message?: RegExp
  /** A command of it prints: some versions of tmux show that in the pane, which is set back; others print it. */
  readonly prints?: true
}

const VARIANTS: readonly Variant[] = [
  {
    name: 'destroys sessions without a client',
    conf: 'set -g destroy-unattached on',
    setBack: ['destroy-unattached'],
  },
  {
    name: 'destroys this session without a client',
    conf: 'set destroy-unattached on',
    setBack: ['destroy-unattached'],
  },
  { name: 'exits without a client', conf: 'set -s exit-unattached on', setBack: ['exit-unattached'] },
  {
    name: 'exits without a client, through -g',
    conf: 'set-option -g exit-unattached on',
    setBack: ['exit-unattached'],
  },
  { name: 'keeps an empty server', conf: 'set -s exit-empty off', setBack: ['exit-empty'] },
  {
    name: 'exits without a client, and runs a plugin that runs tmux',
    conf: "set -s exit-unattached on\nset -g destroy-unattached on\nset destroy-unattached on\nrun-shell 'tmux list-sessions; sleep 0.3; tmux list-sessions'",
    setBack: ['exit-unattached', 'destroy-unattached'],
    prints: true,
  },
  {
    name: 'has a plugin that changes options later',
    conf: "run-shell -b 'sleep 0.3; tmux set -g destroy-unattached on; tmux set -s exit-unattached on; tmux set -s exit-empty off; tmux set -t 0 destroy-unattached on'",
  },
  { name: 'makes a session', conf: 'new-session -d -s work', setBack: ['new-session'] },
  {
    name: 'makes a session with the windows of the peer',
    conf: 'new-session -d -t command-bob',
    setBack: ['new-session'],
  },
  {
    name: 'makes a session in a script',
    conf: "run-shell 'tmux new-session -d -s late'",
    setBack: ['new-session'],
  },
  {
    name: 'makes a session whenever one is closed',
    conf: "set-hook -g session-closed 'new-session -d'",
  },
  {
    name: 'replaces every alias',
    conf: "set -s command-alias 'split-pane=split-window'",
    setBack: ['command-alias'],
  },
  { name: 'unsets every alias', conf: 'set -su command-alias', setBack: ['command-alias'] },
  { name: 'adds an alias', conf: "set -s command-alias[100] 'sp=split-window'" },
  {
    name: 'replaces the exit hook of the pane',
    conf: "set-hook -p pane-died 'respawn-pane'\nset -p remain-on-exit off",
    setBack: ['remain-on-exit', 'pane-died'],
  },
  { name: 'unsets the exit hook of the pane', conf: 'set-hook -pu pane-died', setBack: ['pane-died'] },
  { name: 'keeps failed panes only', conf: 'set -p remain-on-exit failed', setBack: ['remain-on-exit'] },
  {
    name: 'has hooks of the same names for all panes',
    conf: "set-hook -g pane-died 'kill-pane'\nset-hook -ga pane-died 'display-message x'\nset-hook -gu pane-exited\nset -g remain-on-exit off",
  },
  {
    name: 'has hooks on every option and session',
    conf: "set-hook -g after-set-option 'set-environment -g seen 1'\nset-hook -g after-new-session 'display-message x'\nset-hook -g client-detached 'display-message x'",
  },
  {
    name: 'changes numbers, keys and colours',
    conf: "set -g base-index 1\nsetw -g pane-base-index 1\nset -g renumber-windows on\nset -g prefix C-a\nunbind C-b\nbind C-a send-prefix\nbind r source-file /dev/null\nset -g status off\nset -g set-titles on\nset -g default-terminal screen-256color\nset -g default-command 'exec false'\nset -g mouse on\nset -g history-limit 10\nset -g visual-bell on\nset -g window-size smallest",
  },
  { name: 'splits the window', conf: "split-window -d 'sleep 1000'\nnew-window -d 'sleep 1000'" },
  { name: 'renames the session', conf: 'rename-session other\nrename-window other' },
  { name: 'leaves the pane in copy mode', conf: 'copy-mode -t %0', setBack: ['pane-mode'] },
  { name: 'has a syntax error', conf: 'set -g status off\nif-shell "true" {\n', message: /tmux\.conf:\d+: / },
  {
    name: 'has an unknown option',
    conf: 'set -g no-such-option on\nset -s exit-empty off',
    setBack: ['exit-empty'],
    message: /invalid option/,
  },
  {
    name: 'reads a missing file',
    conf: 'source-file /no/such/file\nset -s exit-empty off',
    setBack: ['exit-empty'],
    message: /No such file/,
  },
  {
    name: 'reads itself',
    conf: "set -s exit-empty off\nif-shell '! test -e /no/such/file' 'set -s exit-unattached on'",
    setBack: ['exit-empty', 'exit-unattached'],
  },
  {
    name: 'runs a failing command',
    conf: "run-shell 'exit 1'\nset -s exit-empty off",
    setBack: ['exit-empty'],
    prints: true,
  },
  {
    name: 'waits for a command',
    conf: "if-shell 'sleep 0.3' 'set -s exit-empty off'",
    setBack: ['exit-empty'],
  },
  { name: 'is empty', conf: '' },
]

const handleOf = ({ socketPath, server }: PeerSession): TmuxServer =>
  new TmuxServer({ socketPath, process: server })

/** What each of tmux's clients makes the server check: whether any client is attached. */
async function useClients(session: PeerSession): Promise<void> {
  for (const waitMs of [0, 200, 200, 200]) {
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    await handleOf(session).run(['list-sessions'])
  }
}

const isGone = async (process: ProcessId): Promise<boolean> => (await observeProcess(process)) === 'gone'

async function assertNothingIsLeft({ root }: TestRoot, { server }: PeerSession): Promise<void> {
  await until('the server to exit', () => isGone(server))
  await until('its recorder to finish', () => readdirSync(join(root, 'state', 'canary')).length === 0)
  expect(readdirSync(join(root, 'run')).filter((name) => name.endsWith('.sock'))).toEqual([])
}

describe.each(campaignCases(VARIANTS))(
  'a tmux.conf that $name',
  ({ conf, setBack = [], message, prints = false }) => {
    it('keeps the peer running, its death is recorded, and nothing is left', async () => {
      const made = newRoot()
      const { root, peer, deaths } = made
      const path = join(root, 'tmux.conf')
      const entry = await peer(['sleep', '1000'])
      writeFileSync(path, `${conf}\n`)

      const { session, warnings } = await launchPeer(root, entry)
      const isNamed = (one: string): boolean => one.includes(' was set back: ')
      const named = warnings.filter((one) => isNamed(one) && !(prints && one.includes(' pane-mode ')))
      expect(named.map((one) => one.slice(`${path}: `.length).split(' ')[0]).sort()).toEqual(
        [...setBack].sort(),
      )
      const others = warnings.filter((one) => !isNamed(one)).join('\n')
      if (prints) expect(others.split('\n').length).toBeLessThan(4)
      else if (message === undefined) expect(others).toBe('')
      else expect(others).toMatch(message)
      expect(session.setBack ?? []).toEqual(expect.arrayContaining([...setBack]))

      await useClients(session)
      expect(await statusOf(root, BOB)).toMatchObject({ state: 'running' })
      expect((await handleOf(session).sessions()).map(({ id }) => id)).toEqual(['$0'])
      expect((await handleOf(session).panes()).find(({ id }) => id === '%0')).toMatchObject({ inMode: false })

      process.kill(session.leader.pid, 'SIGKILL')
      // tmux 3.3 misses some exits; the daemon looks for them.
      await until('its death to be recorded', async () => {
        await settleFleet(root)
        return deaths().length > 0
      })
      await settleFleet(root)
      await assertNothingIsLeft(made, session)
      expect(deaths()).toMatchObject([{ ev: 'session-exit', gen: session.gen, dead_signal: SIGKILL }])

      const again = (await launchPeer(root, entry)).session
      expect(again.socketPath).toBe(session.socketPath)
      expect(await stopPeer(root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
      await assertNothingIsLeft(made, again)
      expect(deaths()).toHaveLength(1)
    })
  },
)

it('the witness names a kill-server after the aliases were replaced', async () => {
  const { root, peer, deaths } = newRoot()
  const entry = await peer(['sleep', '1000'])
  writeFileSync(join(root, 'tmux.conf'), "set -s command-alias 'sp=split-window'\n")
  const { session } = await launchPeer(root, entry)
  expect(await handleOf(session).option('command-alias', 'server')).toContain('sp=split-window')
  await handleOf(session).run(['kill-server'])
  await until('its death to be recorded', () => deaths().length > 0)
  expect(deaths()).toMatchObject([{ ev: 'server-exit', cause: 'killed-by-command' }])
})

it('a tmux.conf that stops the server is named as the reason, and the start leaves nothing', async () => {
  const made = newRoot()
  const { root, peer } = made
  const entry = await peer(['sleep', '1000'])
  writeFileSync(join(root, 'tmux.conf'), 'set -g status off\nkill-server\n')
  await expect(launchPeer(root, entry)).rejects.toMatchObject({
    code: 'config-error',
    message: expect.stringContaining(`${join(root, 'tmux.conf')} stops the tmux server`),
  })
  await until('its recorder to finish', () => readdirSync(join(root, 'state', 'canary')).length === 0)
  expect(await statusOf(root, BOB)).toMatchObject({ session: undefined })
})

it('a program that exits at once is not blamed on a tmux.conf', async () => {
  const { root, peer } = newRoot()
  const entry = await peer(['true'])
  writeFileSync(join(root, 'tmux.conf'), "run-shell 'sleep 0.3'\n")
  await expect(launchPeer(root, entry)).rejects.toMatchObject({ code: 'program-ended' })
  await until('its recorder to finish', () => readdirSync(join(root, 'state', 'canary')).length === 0)
})

it.runIf(isFullCampaign())(
  'a tmux.conf that runs a command without end holds neither the start nor the end of a peer',
  async () => {
    const made = newRoot()
    const { root, peer, deaths } = made
    const entry = await peer(['sleep', '1000'])
    writeFileSync(join(root, 'tmux.conf'), "set -s exit-empty off\nrun-shell 'exec sleep 1000'\n")
    const { session, warnings } = await launchPeer(root, entry)
    expect(warnings).toContainEqual(
      expect.stringMatching(/tmux\.conf: tmux did not finish loading it in time/),
    )
    process.kill(session.leader.pid, 'SIGKILL')
    await until('its death to be recorded', async () => {
      await settleFleet(root)
      return deaths().length > 0
    })
    await until(
      'the next commands to end its server',
      async () => {
        await settleFleet(root)
        return isGone(session.server)
      },
      30_000,
    )
    await assertNothingIsLeft(made, session)
    const again = (await launchPeer(root, entry)).session
    expect(await stopPeer(root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
    await assertNothingIsLeft(made, again)
  },
)

describe('a peer whose socket was removed', () => {
  it('is shown as unresponsive, and runs on when its server makes the socket anew', async () => {
    const { root, peer } = newRoot()
    const { session } = await launchPeer(root, await peer(['sleep', '1000']))
    rmSync(session.socketPath)
    expect(await statusOf(root, BOB)).toMatchObject({ state: 'unresponsive' })
    process.kill(session.server.pid, 'SIGUSR1')
    await until('the socket', async () => (await statusOf(root, BOB)).state === 'running')
  })

  it('is stopped in order, and nothing is left', async () => {
    const made = newRoot()
    const { session } = await launchPeer(made.root, await made.peer(['sleep', '1000']))
    rmSync(session.socketPath)
    const stopped = await stopPeer(made.root, BOB, { by: 'a test' })
    expect(stopped).toMatchObject({ state: 'ended', leader: 'asked' })
    await assertNothingIsLeft(made, session)
    expect(made.deaths()).toEqual([])
  })

  it('dies, is recorded, and the next command ends its server', async () => {
    const made = newRoot()
    const { root, deaths } = made
    const { session } = await launchPeer(root, await made.peer(['sleep', '1000']))
    rmSync(session.socketPath)
    process.kill(session.leader.pid, 'SIGKILL')
    await until(
      'its server to be ended',
      async () => {
        await settleFleet(root)
        return isGone(session.server)
      },
      25_000,
    )
    await assertNothingIsLeft(made, session)
    expect(deaths()).toMatchObject([{ ev: 'session-exit', gen: session.gen }])
  })
})
