import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asyncCleanups, privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()

interface Programs {
  /** The last output of `npm test`, and its exit code. */
  readonly npm: readonly [string, number]
  /** The exit code of `pnpm check`. */
  readonly check: number
  readonly shellcheck?: boolean
  /** Whether the system's package manager can install a program. @default true */
  readonly installs?: boolean
}

/** Runs .ci/run with only stand-ins on the PATH, which write down how they were called. */
async function ci({ npm: [last, code], check, shellcheck = true, installs = true }: Programs) {
  const made = privateDirectory()
  track(made.remove)
  const path = join(made.path, 'bin')
  const calls = join(made.path, 'calls')
  mkdirSync(path)
  const put = (name: string, body: string): void => {
    writeFileSync(join(path, name), `#!/bin/sh\necho "${name} $*" >>'${calls}'\n${body}\n`)
    chmodSync(join(path, name), 0o700)
  }
  symlinkSync(process.execPath, join(path, 'node'))
  symlinkSync('/usr/bin/dirname', join(path, 'dirname'))
  put('npm', `echo "a test says 1 passed, 1 failed"; printf '${last}'; exit ${code}`)
  put('npx', `case "$*" in *check*) echo checked; exit ${check} ;; esac`)
  put('tmux', '')
  put('apt-get', installs ? `case "$*" in *install*) : >'${path}/shellcheck' ;; esac` : 'exit 1')
  put('sudo', '"$@"')
  if (shellcheck) put('shellcheck', '')
  const env = { ...process.env, PATH: path }
  const done = await run('/bin/bash', [join(REPOSITORY, '.ci', 'run')], { env, cwd: '/' })
  const lines = done.stdout.trimEnd().split('\n')
  const called = readFileSync(calls, 'utf8').trimEnd().split('\n')
  return {
    exitCode: done.exitCode,
    stderr: done.stderr,
    last: lines.at(-1),
    lines,
    called,
    hasShellcheck: existsSync(join(path, 'shellcheck')),
  }
}

describe.skipIf(!existsSync('/usr/bin/dirname'))('.ci/run', () => {
  it('runs the tests and the checks, and prints their sum last', async () => {
    const done = await ci({ npm: ['\\n12 passed, 0 failed\\n', 0], check: 0 })
    expect(done).toMatchObject({ exitCode: 0, last: '12 passed, 0 failed' })
    expect(done.lines).toContain('checked')
    expect(done.called[0]).toBe('npm test')
    expect(done.called.at(-1)).toMatch(/^npx -y pnpm@[\d.]+ check --without-packages$/)
  })

  it.each([
    ['failed tests', { npm: ['\\n12 passed, 3 failed\\n', 1], check: 0 }, '12 passed, 3 failed'],
    ['a failed check', { npm: ['\\n12 passed, 0 failed\\n', 0], check: 2 }, '12 passed, 1 failed'],
    ['both', { npm: ['\\n12 passed, 3 failed\\n', 1], check: 1 }, '12 passed, 4 failed'],
    ['tests that never ran', { npm: ['cannot be built\\n', 1], check: 0 }, '0 passed, 1 failed'],
    [
      'a test run that fails without a failed test',
      { npm: ['\\n9 passed, 0 failed\\n', 1], check: 0 },
      '9 passed, 1 failed',
    ],
  ] satisfies [string, Programs, string][])('counts %s, and fails', async (_what, programs, last) => {
    expect(await ci(programs)).toMatchObject({ exitCode: 1, last })
  })

  it('installs shellcheck if that needs no prompt, else prints the command', async () => {
    const programs: Programs = { npm: ['\\n12 passed, 0 failed\\n', 0], check: 0, shellcheck: false }
    const done = await ci(programs)
    expect(done).toMatchObject({ exitCode: 0, hasShellcheck: true })
    expect(done.called).toContain('apt-get install -y -qq shellcheck')
    expect(await ci({ ...programs, check: 1, installs: false })).toMatchObject({
      exitCode: 1,
      hasShellcheck: false,
      stderr: expect.stringMatching(
        /^shellcheck could not be installed. Install it with: .*apt-get install/m,
      ),
    })
  })
})
