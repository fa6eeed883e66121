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

interface Started {
  readonly leader: ProcessId
  readonly directory: string
}

interface Wanted {
  readonly says?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly isWrapped?: boolean
  readonly prepare?: (directory: string) => void
  readonly args?: readonly string[]
}

async function started({
  says = ['idle'],
  env = {},
  isWrapped = false,
  prepare,
  args = [],
}: Wanted): Promise<Started> {
  const { path, remove } = privateDirectory()
  track(remove)
  const directory = join(path, 'configuration')
  mkdirSync(directory)
  prepare?.(directory)
  const script = join(path, 'claude.mjs')
  copyFileSync(SCRIPT, script)
  const words = [process.execPath, script, ...says, ...args]
  const argv = isWrapped ? ['sh', '-c', '"$@"; exit', 'sh', ...words] : words
  const { ANTHROPIC_API_KEY: _key, ANTHROPIC_AUTH_TOKEN: _token, ...rest } = process.env
  const child: ChildProcess = spawn(argv[0] ?? '', argv.slice(1), {
    env: { ...rest, HOME: path, CLAUDE_CONFIG_DIR: directory, ...env },
    stdio: 'ignore',
    detached: true,
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  track(async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended
  })
  const sessions = join(directory, 'sessions')
  await until(
    'its file',
    () => existsSync(sessions) && readdirSync(sessions).some((name) => /^\d/.test(name)),
  )
  const leader = await identifyProcess(child.pid ?? Number.NaN)
  if (leader === undefined) throw new Error('it has ended')
  await until('its words', async () => (await readClaudeReport(leader)) ?? env['FAKE_START'] !== undefined)
  return { leader, directory }
}

describe.runIf(process.platform === 'linux')('what Claude Code says of itself', () => {
  it.each([
    [['idle'], { status: 'idle' }],
    [['busy'], { status: 'busy' }],
    [['waiting', 'permission prompt'], { status: 'waiting', waitingFor: 'permission prompt' }],
  ])('%j is read', async (says, expected) => {
    const { leader } = await started({ says })
    expect(await readClaudeReport(leader)).toMatchObject({ pid: leader.pid, ...expected })
  })

  it('is read of the program that a wrapper has started', async () => {
    const { leader } = await started({ isWrapped: true })
    const report = await readClaudeReport(leader)
    expect(report).toMatchObject({ status: 'idle' })
    expect(report?.pid).not.toBe(leader.pid)
  })

  it('does not count where the start time is that of another process, the file is torn, or it is of another program', async () => {
    const { leader, directory } = await started({ env: { FAKE_START: '1' } })
    expect(await readClaudeReport(leader)).toBeUndefined()
    writeFileSync(join(directory, 'sessions', `${leader.pid}.json`), '{"pid":')
    expect(await readClaudeReport(leader)).toBeUndefined()
    const other = await started({})
    expect(await readClaudeReport({ ...other.leader, token: '1' })).toBeUndefined()
  })

  it('does not count where a process that is gone has said it', async () => {
    const { leader, directory } = await started({})
    const record = { pid: 99_999_999, procStart: '1', status: 'waiting' }
    writeFileSync(join(directory, 'sessions', '99999999.json'), JSON.stringify(record))
    expect(await readClaudeReport(leader)).toMatchObject({ status: 'idle' })
  })
})

describe.runIf(process.platform === 'linux')('whether Claude Code is logged in', () => {
  it.each<readonly [string, Wanted]>([
    ['with an account', { env: { FAKE_ACCOUNT: 'yes' } }],
    ['of a version that cannot say', { env: { FAKE_ACCOUNT: 'unknown' } }],
    ['with a variable that names one', { env: { ANTHROPIC_AUTH_TOKEN: 'x' } }],
    [
      'with a file of credentials',
      { prepare: (directory) => writeFileSync(join(directory, '.credentials.json'), '') },
    ],
    ['with settings of its own', { args: ['', '--settings', '/x'] }],
  ])('%s is not doubted', async (_kind, wanted) => {
    expect(await missingClaudeLogin((await started(wanted)).leader)).toBeUndefined()
  })

  it('is said by the program itself, where no account is in sight', async () => {
    expect(await missingClaudeLogin((await started({})).leader)).toContain('/login')
    expect(await missingClaudeLogin((await started({ isWrapped: true })).leader)).toContain('/login')
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
    // What looks like a boot dialog to a program that is beyond these is text, or a question of its own.
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
  ])('with %j on the screen, and %j said, is %j', (step, report, expected) => {
    expect(bootStep({ step, input: undefined }, report)).toEqual(expected)
  })
})
