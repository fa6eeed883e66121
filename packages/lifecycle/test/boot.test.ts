import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity, toRuntime } from '@iapeer/core/identity'
import { type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { finishLaunch, finishSessions, launchPeer, listSessions, statusOf, stopPeer } from '../src/index.ts'
import { roots, type TestRoot } from './support.ts'

const { newRoot } = roots()
const BOB = toIdentity('claude-bob')
const RULE = '─'.repeat(40)

/** Functions for an agent in sh: they show screens and write the received keys to `$LOG`. */
const KIT = `#!/bin/sh
LOG=$1
stty raw -echo
show() { printf '\\033[2J\\033[H'; for line in "$@"; do printf '%s\\r\\n' "$line"; done; }
byte() { dd bs=1 count=1 2>/dev/null | od -An -tx1 | tr -d ' '; }
key() {
  case $(byte) in
    0d) echo Enter ;;
    1b) byte >/dev/null; case $(byte) in 41) echo Up ;; 42) echo Down ;; esac ;;
    '') echo gone ;;
    *) echo other ;;
  esac
}
press() { k=$(key); echo "$1 $k" >>"$LOG"; }
trust() { show ' Quick safety check' ' ❯ 1. Yes, I trust this folder' '   2. No, exit' ' Enter to confirm'; press trust; }
bypass() {
  show ' WARNING' '   ❯ 1. No, exit' '     2. Yes, I accept' ' Enter to confirm'; press no
  [ "$k" = Down ] || exit 1
  show ' WARNING' '     1. No, exit' '   ❯ 2. Yes, I accept' ' Enter to confirm'; press yes
  [ "$k" = Enter ] || exit 1
}
row() { show 'Welcome' '${RULE}' "❯ $1" '${RULE}' '  bypass permissions on'; }
`

async function agent(body: string, root: TestRoot): Promise<{ entry: PeerEntry; keys: () => string[] }> {
  const script = join(root.path, 'agent.sh')
  const log = join(root.path, 'keys')
  writeFileSync(script, `${KIT}${body}\n`)
  const entry = await root.peer(['/bin/sh', script, log], 'bob', 'claude')
  const keys = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  return { entry, keys }
}

const READY = `row ''; while k=$(key) && [ "$k" != gone ]; do echo "ready $k" >>"$LOG"; done`

async function expectNothingLeft({ root, deaths }: TestRoot, state = 'stopped'): Promise<void> {
  expect(await listSessions(root)).toEqual([])
  expect(readdirSync(join(root, 'run'))).toEqual([])
  expect(deaths()).toEqual([])
  expect(await statusOf(root, BOB)).toMatchObject({ state, session: undefined })
}

describe('an agent that boots', () => {
  it.runIf(isFullCampaign())(
    'has each dialog answered once, even if the next dialog appears late',
    async () => {
      const root = newRoot()
      const { entry, keys } = await agent(`trust; sleep 1.2; bypass; sleep 0.6; ${READY}`, root)
      await updatePeer(root.root, 'bob', { permissions: 'skip' })
      const { session } = await launchPeer(root.root, entry)
      expect(session.readyAt).toMatch(/^\d{4}-/)
      expect((await statusOf(root.root, BOB)).session).toEqual(session)
      expect(keys()).toEqual(['trust Enter', 'no Down', 'yes Enter'])
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(root.deaths()).toEqual([])
    },
  )

  it('gets its first message, and a second Enter if the first one was lost', async () => {
    const root = newRoot()
    const { entry, keys } = await agent(
      `row ''; text=; n=0
      while b=$(byte) && [ -n "$b" ]; do
        case $b in
          0d) n=$((n + 1)); echo "Enter with $text" >>"$LOG"; [ $n -lt 2 ] || text= ;;
          *) text="$text$b" ;;
        esac
        row "$text"
      done`,
      root,
    )
    await updatePeer(root.root, 'bob', { initialPrompt: '  Hi\u001b[201~!\n' })
    await launchPeer(root.root, entry)
    // The escape character and the surrounding whitespace are not typed.
    const text = Buffer.from('Hi[201~!').toString('hex')
    expect(keys()).toEqual([`Enter with ${text}`, `Enter with ${text}`])
  })

  it('gets its keys even if its pane is in copy mode', async () => {
    const root = newRoot()
    const { entry, keys } = await agent(`trust; ${READY}`, root)
    mkdirSync(root.root, { recursive: true })
    writeFileSync(join(root.root, 'tmux.conf'), `copy-mode -t ${BOB}\n`)
    await launchPeer(root.root, entry)
    expect(keys()).toEqual(['trust Enter'])
  })

  it.runIf(isFullCampaign())(
    'is distinguished from a ready one, and is launched again if its launcher was killed',
    async () => {
      const root = newRoot()
      const { entry } = await agent('trap "" INT; show booting; while :; do sleep 1; done', root)
      const script = `import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}).then(({ launchPeer }) =>
      launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)}))`
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
      const exited = new Promise((resolve) => child.once('exit', resolve))
      const interrupted = await until('the session', async () => (await statusOf(root.root, BOB)).session)
      expect(interrupted.readyAt).toBeUndefined()
      child.kill('SIGKILL')
      await exited
      changeAgent(root, READY)
      const { state, session } = await launchPeer(root.root, entry)
      expect([state, session.server.pid === interrupted.server.pid]).toEqual(['launched', false])
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(root.deaths()).toEqual([])
    },
  )
})

function changeAgent(root: TestRoot, body: string): void {
  writeFileSync(join(root.path, 'agent.sh'), `${KIT}${body}\n`)
}

describe('a boot that does not finish', () => {
  it('because the agent is never ready is blocked with its screen, and the agent keeps running', async () => {
    const root = newRoot()
    const { entry, keys } = await agent(
      "trust; show 'Checking for the moon' 'Please wait'; while :; do sleep 1; done",
      root,
    )
    const started = performance.now()
    const { state, session } = await launchPeer(root.root, entry, { bootTimeoutMs: 2_000 })
    expect(performance.now() - started).toBeLessThan(8_000)
    expect([state, session.blocked?.screen]).toEqual(['blocked', 'Checking for the moon\nPlease wait'])
    expect(keys()).toEqual(['trust Enter'])
    expect((await statusOf(root.root, BOB)).state).toBe('blocked')
    await stopPeer(root.root, BOB, { by: 'a test' })
    await expectNothingLeft(root)
  })

  it('because of a dialog that only a person can answer is blocked at once, with a hint', async () => {
    const root = newRoot()
    const { entry, keys } = await agent(
      "show ' Do you want to use this API key?' '   1. Yes' ' ❯ 2. No (recommended)'; press key",
      root,
    )
    const started = performance.now()
    const { state, session } = await launchPeer(root.root, entry)
    expect(performance.now() - started).toBeLessThan(10_000)
    expect([state, session.blocked?.dialog]).toEqual(['blocked', 'API key'])
    expect(session.blocked?.hint).toContain('ANTHROPIC_API_KEY')
    expect(keys()).toEqual([])
    await stopPeer(root.root, BOB, { by: 'a test' })
    await expectNothingLeft(root)
  })

  it.runIf(isFullCampaign())(
    'because the first message is not taken is blocked, and the message is not typed again',
    async () => {
      const root = newRoot()
      const { entry } = await agent(`row ''; while byte >/dev/null; do :; done`, root)
      await updatePeer(root.root, 'bob', { initialPrompt: 'Good morning' })
      const { state, session } = await launchPeer(root.root, entry, { bootTimeoutMs: 1_500 })
      expect([state, session.blocked?.dialog]).toEqual(['blocked', 'first message'])
      expect(session.blocked?.typedAt).toMatch(/Z$/)
      const after = await until('the next check', () => finishLaunch(root.root, session))
      expect(after).toMatchObject({ readyAt: expect.any(String) })
      await stopPeer(root.root, BOB, { by: 'a test' })
      await expectNothingLeft(root)
    },
    60_000,
  )

  it('because it is aborted leaves nothing behind', async () => {
    const root = newRoot()
    const { entry } = await agent("show 'Please wait'; while :; do sleep 1; done", root)
    const asked = new AbortController()
    const launching = launchPeer(root.root, entry, { signal: asked.signal })
    await until('the session', async () => (await statusOf(root.root, BOB)).session)
    asked.abort()
    await expect(launching).rejects.toMatchObject({ code: 'interrupted' })
    await expectNothingLeft(root, 'not-running')
  })

  it('because the program exits reports its output, and the exit is recorded', async () => {
    const root = newRoot()
    const { entry } = await agent("sleep 0.4; show 'Unable to connect'; exit 3", root)
    await expect(launchPeer(root.root, entry)).rejects.toMatchObject({
      code: 'program-ended',
      message: expect.stringContaining('Unable to connect'),
      hint: expect.stringContaining('iapeer autopsy claude-bob'),
    })
    await until('the record', async () => {
      // Some versions of tmux miss the exit of the program.
      await finishSessions(root.root)
      return root.deaths().length > 0
    })
    expect(root.deaths()).toMatchObject([{ ev: 'session-exit', dead_status: '3' }])
  })
})

describe('a router', () => {
  it('runs the command of its profile and needs no screen', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'], 'bell', 'notifier')
    expect((await launchPeer(root, entry)).session).toMatchObject({ readyAt: expect.any(String) })
  })

  it('without a command is refused with a hint where to add one', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep'], 'bell', 'notifier')
    await updatePeer(root, 'bell', { command: null })
    await expect(launchPeer(root, entry)).rejects.toMatchObject({
      code: 'command-missing',
      hint: expect.stringContaining('peer-profile.json'),
    })
  })

  it('of telegram is for people only', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'], 'ann', 'telegram')
    await updatePeer(root, 'ann', {
      runtimes: [toRuntime('telegram'), toRuntime('command')],
      intelligence: 'natural',
    })
    await launchPeer(root, entry)
    await stopPeer(root, toIdentity('telegram-ann'), { by: 'a test' })
    const robot = await peer(['sleep', '1000'], 'bob', 'command')
    await updatePeer(root, 'bob', { runtimes: [toRuntime('telegram'), toRuntime('command')] })
    const both = { ...robot, runtimes: [toRuntime('telegram'), toRuntime('command')] }
    await expect(launchPeer(root, both, { runtime: toRuntime('telegram') })).rejects.toMatchObject({
      code: 'wrong-intelligence',
      hint: expect.stringContaining('remove telegram from "runtimes"'),
    })
  })
})
