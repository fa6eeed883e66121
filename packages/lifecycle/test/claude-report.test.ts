import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { asyncCleanups, privateDirectory, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { bootStep } from '../src/launch/screen/boot-step.ts'
import { missingClaudeLogin } from '../src/runtimes/claude-login.ts'
import { readClaudeReport } from '../src/runtimes/claude-report.ts'

const track = asyncCleanups()
const SCRIPT = fileURLToPath(new URL('fixtures/claude-like.mjs', import.meta.url))

interface StartedClaude {
  readonly leader: ProcessId
  readonly directory: string
}

interface StartOptions {
  readonly report?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly isWrapped?: boolean
  readonly prepare?: (directory: string) => void
  readonly args?: readonly string[]
}

async function startClaude({
  report = ['idle'],
  env = {},
  isWrapped = false,
  prepare,
  args = [],
}: StartOptions): Promise<StartedClaude> {
  const { path, remove } = privateDirectory()
  track(remove)
  const directory = join(path, 'configuration')
  mkdirSync(directory)
  prepare?.(directory)
  const script = join(path, 'claude.mjs')
  copyFileSync(SCRIPT, script)
  const words = [process.execPath, script, ...report, ...args]
  const argv = isWrapped ? ['sh', '-c', '"$@"; exit', 'sh', ...words] : words
  const { ANTHROPIC_API_KEY: _key, ANTHROPIC_AUTH_TOKEN: _token, ...rest } = process.env
  const child: ChildProcess = spawn(argv[0] ?? '', argv.slice(1), {
    env: { ...rest, HOME: path, CLAUDE_CONFIG_DIR: directory, ...env },
    stdio: 'ignore',
    detached: true,
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  track(async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await exited
  })
  const sessions = join(directory, 'sessions')
  await until(
    'its sessions file',
    () => existsSync(sessions) && readdirSync(sessions).some((name) => /^\d/.test(name)),
  )
  const leader = await identifyProcess(child.pid ?? Number.NaN)
  if (leader === undefined) throw new Error('the process has exited')
  await until('its report', async () => (await readClaudeReport(leader)) ?? env['FAKE_START'] !== undefined)
  return { leader, directory }
}

describe.runIf(process.platform === 'linux')('the report of Claude Code', () => {
  it.each([
    [['idle'], { status: 'idle' }],
    [['busy'], { status: 'busy' }],
    [['waiting', 'permission prompt'], { status: 'waiting', waitingFor: 'permission prompt' }],
  ])('%j is read', async (report, expected) => {
    const { leader } = await startClaude({ report })
    expect(await readClaudeReport(leader)).toMatchObject({ pid: leader.pid, ...expected })
  })

  it('is read from a program that a wrapper has started', async () => {
    const { leader } = await startClaude({ isWrapped: true })
    const report = await readClaudeReport(leader)
    expect(report).toMatchObject({ status: 'idle' })
    expect(report?.pid).not.toBe(leader.pid)
  })

  it('does not count if the start time differs, the file is incomplete, or the leader is another process', async () => {
    const { leader, directory } = await startClaude({ env: { FAKE_START: '1' } })
    expect(await readClaudeReport(leader)).toBeUndefined()
    writeFileSync(join(directory, 'sessions', `${leader.pid}.json`), '{"pid":')
    expect(await readClaudeReport(leader)).toBeUndefined()
    const other = await startClaude({})
    expect(await readClaudeReport({ ...other.leader, token: '1' })).toBeUndefined()
  })

  it('does not count if its process is gone', async () => {
    const { leader, directory } = await startClaude({})
    const record = { pid: 99_999_999, procStart: '1', status: 'waiting' }
    writeFileSync(join(directory, 'sessions', '99999999.json'), JSON.stringify(record))
    expect(await readClaudeReport(leader)).toMatchObject({ status: 'idle' })
  })
})

describe.runIf(process.platform === 'linux')('the login of Claude Code', () => {
  it.each<readonly [string, StartOptions]>([
    ['with an account', { env: { FAKE_ACCOUNT: 'yes' } }],
    ['of a version without auth status', { env: { FAKE_ACCOUNT: 'unknown' } }],
    ['with an account variable', { env: { ANTHROPIC_AUTH_TOKEN: 'x' } }],
    [
      'with a credentials file',
      { prepare: (directory) => writeFileSync(join(directory, '.credentials.json'), '') },
    ],
    ['with --settings', { args: ['', '--settings', '/x'] }],
  ])('%s is not reported as missing', async (_kind, options) => {
    expect(await missingClaudeLogin((await startClaude(options)).leader)).toBeUndefined()
  })

  it('is read from claude auth status if no account is configured', async () => {
    expect(await missingClaudeLogin((await startClaude({})).leader)).toContain('/login')
    expect(await missingClaudeLogin((await startClaude({ isWrapped: true })).leader)).toContain('/login')
  })
})

describe('the next step of a boot', () => {
  const press = { kind: 'press', dialog: 'trust', key: 'Enter', cursor: 0 } as const
  const person = { kind: 'person', dialog: 'login', hint: 'log in' } as const
  const input = { kind: 'input' } as const
  it.each([
    [input, undefined, { kind: 'ready' }],
    [press, undefined, press],
    [{ kind: 'unknown' } as const, undefined, { kind: 'wait' }],
    [person, undefined, person],
    [person, { status: 'idle' } as const, person],
    [input, { status: 'idle' } as const, { kind: 'ready' }],
    [{ kind: 'unknown' } as const, { status: 'busy' } as const, { kind: 'ready' }],
    // After the boot dialogs, text that looks like one of them is output or a question of the agent.
    [press, { status: 'idle' } as const, { kind: 'ready' }],
    [
      press,
      { status: 'waiting', waitingFor: 'input needed' } as const,
      { kind: 'wait', dialog: 'input needed' },
    ],
    [
      input,
      { status: 'waiting', waitingFor: 'dialog open' } as const,
      { kind: 'wait', dialog: 'dialog open' },
    ],
  ])('for the screen %j and the report %j is %j', (step, report, expected) => {
    expect(bootStep({ step, input: undefined }, report)).toEqual(expected)
  })
})
