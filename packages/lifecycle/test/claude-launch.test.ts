import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import type { PeerProfile } from '@iapeer/core/profile'
import { parseLaunchEnv } from '@iapeer/core/storage'
import { asyncCleanups, privateDirectory, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { claudeRuntime } from '../src/runtimes/claude.ts'
import { claudeMailFiles } from '../src/runtimes/index.ts'
import type { LaunchMail, LaunchRequest } from '../src/runtimes/runtime.ts'
import { wakeWaiting } from '../src/sessions/index.ts'

const track = asyncCleanups()
const asset = (name: string): string => fileURLToPath(new URL(`../assets/${name}`, import.meta.url))

interface Input {
  readonly command?: readonly string[]
  readonly args?: string
  readonly mail?: Partial<LaunchMail>
  readonly resume?: string
}

function requestOf({
  command,
  args,
  mail,
  resume,
}: Input = {}): LaunchRequest & { readonly mail: LaunchMail } {
  const { path, remove } = privateDirectory()
  track(remove)
  const profile: PeerProfile = {
    ...{
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime('claude'),
      runtimes: [toRuntime('claude')],
    },
    ...{ description: '', intelligence: 'artificial', interfaces: {}, permissions: 'own' as const, command },
  }
  return {
    profile,
    launchEnv: parseLaunchEnv(args === undefined ? '' : `PEER_START_ARGS=${args}`),
    ...{ cwd: path, env: {}, ...(resume === undefined ? {} : { resume }) },
    mail: { directory: path, bearer: 'iapb_secret', conversation: 'ID', root: '/r', ...mail },
  }
}

/** Returns the arguments with the directory of the session as `D`. */
const argvOf = (request: LaunchRequest): readonly string[] =>
  claudeRuntime.buildArgv(request).map((word) => word.replaceAll(request.mail?.directory ?? '', 'D'))

async function settingsOf(request: LaunchRequest & { readonly mail: LaunchMail }) {
  await claudeRuntime.prepareMail?.(request)
  return JSON.parse(readFileSync(join(request.mail.directory, 'settings.json'), 'utf8'))
}

describe('the command line of Claude Code with messages', () => {
  const SETTINGS = ['--settings', 'D/settings.json']
  it.each<readonly [string, Input, readonly string[]]>([
    ['names the settings and a new conversation', {}, ['claude', ...SETTINGS, '--session-id', 'ID']],
    ['names no conversation when it resumes one', { resume: 'R' }, ['claude', '--resume', 'R', ...SETTINGS]],
    [
      'names an MCP server',
      { mail: { mcpUrl: 'http://x' } },
      ['claude', ...SETTINGS, '--mcp-config=D/mcp.json', '--session-id', 'ID'],
    ],
    [
      'leaves the conversation to the person',
      { args: '--model x -c' },
      ['claude', ...SETTINGS, '--model', 'x', '-c'],
    ],
    [
      'leaves the conversation to the person too',
      { args: '--session-id=X' },
      ['claude', ...SETTINGS, '--session-id=X'],
    ],
    [
      'leaves the conversation to a wrapper',
      { command: ['/bin/run', 'claude'] },
      ['/bin/run', 'claude', ...SETTINGS],
    ],
    [
      'merges settings of the person',
      { args: `hi --settings='{"env":{}}'` },
      ['claude', ...SETTINGS, '--session-id', 'ID', 'hi'],
    ],
    [
      'keeps settings that cannot be read',
      { args: '--settings none.json' },
      ['claude', '--session-id', 'ID', '--settings', 'none.json'],
    ],
    [
      'keeps words after --',
      { args: '-- --settings x' },
      ['claude', ...SETTINGS, '--session-id', 'ID', '--', '--settings', 'x'],
    ],
  ])('%s', (_what, input, argv) => {
    expect(argvOf(requestOf(input))).toEqual(argv)
  })

  it('has settings of iapeer only, private and without a secret', async () => {
    const request = requestOf({ mail: { mcpCommand: ['node', 'main.js', 'mcp'] } })
    const settings = await settingsOf(request)
    expect(settings).toMatchObject({
      crossSessionInbound: 'accept',
      permissions: { deny: ['SendMessage', 'ListAgents'] },
    })
    expect(Object.keys(settings.hooks)).toContain('StopFailure')
    for (const name of readdirSync(request.mail.directory)) {
      const path = join(request.mail.directory, name)
      expect(statSync(path).mode & 0o077).toBe(0)
      if (statSync(path).isFile()) expect(readFileSync(path, 'utf8')).not.toContain('iapb_secret')
    }
    const mcp = JSON.parse(readFileSync(join(request.mail.directory, 'mcp.json'), 'utf8'))
    expect(mcp.mcpServers.iapeer).toMatchObject({ command: 'node', args: ['main.js', 'mcp'] })
    expect(mcp.mcpServers.iapeer.env.IAPEER_BEARER).toBe(`\${IAPEER_BEARER}`)
    expect(claudeRuntime.environment?.(request)).toEqual({ CLAUDE_CODE_TMPDIR: request.mail.directory })
  })

  it('adds the settings of the person, from a file of their working directory', async () => {
    const request = requestOf({ args: '--settings theirs.json' })
    const theirs = {
      model: 'opus',
      permissions: { deny: ['Bash'], ask: ['Edit'] },
      hooks: { Stop: [{ hooks: [] }], PreToolUse: [] },
    }
    writeFileSync(
      join(request.cwd, 'theirs.json'),
      JSON.stringify({ ...theirs, crossSessionInbound: 'refuse' }),
    )
    const settings = await settingsOf(request)
    expect(settings).toMatchObject({ model: 'opus', crossSessionInbound: 'accept' })
    expect(settings.permissions).toEqual({ deny: ['Bash', 'SendMessage', 'ListAgents'], ask: ['Edit'] })
    expect([settings.hooks.Stop.length, settings.hooks.PreToolUse]).toEqual([2, []])
  })
})

describe.runIf(process.platform === 'linux')('the script of the hooks', () => {
  const hook = (directory: string, input: string) =>
    run('/bin/sh', ['-c', 'printf %s "$0" | /bin/sh "$1"', input, asset('claude-hook.sh')], {
      env: { ...process.env, IAPEER_MAIL_DIR: directory },
    })
  async function prepared(): Promise<string> {
    const request = requestOf()
    await claudeRuntime.prepareMail?.(request)
    return request.mail.directory
  }

  it('stores each call in a file of its own, also when many run at once, and keeps few files', async () => {
    const directory = await prepared()
    const events = join(directory, 'events')
    const payloads = Array.from({ length: 12 }, (_none, at) =>
      JSON.stringify({ at, text: 'é'.repeat(2_000) }),
    )
    expect(await Promise.all(payloads.map((one) => hook(directory, one)))).toMatchObject(
      payloads.map(() => ({ exitCode: 0, stdout: '', stderr: '' })),
    )
    const stored = readdirSync(events).map((name) => readFileSync(join(events, name), 'utf8'))
    expect(stored.toSorted()).toEqual(payloads.toSorted())
    for (let at = 0; at < 256; at++)
      writeFileSync(join(events, `0000000000${String(at).padStart(4, '0')}-1`), '')
    await hook(directory, '{"last":true}')
    const left = readdirSync(events).sort()
    expect(left.length).toBeLessThan(150)
    expect(readFileSync(join(events, left.at(-1) ?? ''), 'utf8')).toBe('{"last":true}')
  })

  it('says nothing and exits with 0 when its directory is gone or the disk takes nothing', async () => {
    const quiet = { exitCode: 0, stdout: '', stderr: '' }
    expect(await hook('/nonexistent', '{}')).toMatchObject(quiet)
    const directory = await prepared()
    renameSync(join(directory, 'events'), join(directory, 'moved'))
    expect(await hook(directory, '{}')).toMatchObject(quiet)
  })

  it('that is missing costs a hook nothing, and the watcher of a missing script prints nothing', async () => {
    const request = requestOf()
    const settings = await settingsOf(request)
    const [{ hooks }] = settings.hooks.SessionStart
    for (const { command } of hooks) {
      const env = { ...process.env, IAPEER_MAIL_DIR: '/nonexistent' }
      expect(await run('/bin/sh', ['-c', command], { env })).toMatchObject({
        exitCode: 0,
        stdout: '',
        stderr: '',
      })
    }
  })
})

describe.runIf(process.platform === 'linux')('the watcher', () => {
  /** Starts a watcher as the child of a process that can be killed without it. */
  function startWatcher(directory: string): { readonly child: ChildProcess; readonly output: () => string } {
    const script = '/bin/sh "$0"; echo "status $?"'
    const child = spawn('/bin/sh', ['-c', script, asset('claude-watch.sh')], {
      env: { ...process.env, IAPEER_MAIL_DIR: directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk))
    track(() => child.kill('SIGKILL'))
    return { child, output: () => text }
  }
  async function prepared() {
    const request = requestOf()
    await claudeRuntime.prepareMail?.(request)
    const files = claudeMailFiles(request.mail.directory)
    track(() => wakeWaiting(request.mail.directory))
    const count = () => readdirSync(files.watchers).length
    const newest = () => (existsSync(files.watcher) ? readFileSync(files.watcher, 'utf8').trim() : '')
    return { directory: request.mail.directory, files, count, newest }
  }

  it('ends when a newer one starts, gives a drop with code 2, and claims what waits already', async () => {
    const { directory, files, count, newest } = await prepared()
    const first = startWatcher(directory)
    await until('the first', () => count() === 1)
    const older = newest()
    const second = startWatcher(directory)
    await until('the second', () => newest() !== older && count() === 1)
    await until('the end of the first', () => first.output() === 'status 0\n')
    writeFileSync(join(directory, 'x'), '<iap>one</iap>')
    renameSync(join(directory, 'x'), join(files.drops, 'mark'))
    await wakeWaiting(directory)
    await until('the message', () => second.output() === '<iap>one</iap>status 2\n')
    expect(readdirSync(files.claimed)).toEqual([expect.stringMatching(/^mark\.\d+-\d+$/)])
    writeFileSync(join(files.drops, 'next'), 'two')
    const third = startWatcher(directory)
    await until('the next message', () => third.output() === 'twostatus 2\n')
    expect(count()).toBe(0)
  })

  it('whose parent was killed ends when it is woken', async () => {
    const { directory, count, newest } = await prepared()
    const { child } = startWatcher(directory)
    await until('the watcher', () => count() === 1)
    const pid = newest()
    child.kill('SIGKILL')
    await until('the end of its parent', () => child.signalCode !== null)
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    await wakeWaiting(directory)
    await until('its end', () => !existsSync(`/proc/${pid}`) && count() === 0)
  })
})
