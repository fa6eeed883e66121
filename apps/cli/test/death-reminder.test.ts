import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { homes, MAIN } from './support.ts'

const newHome = homes()

it('a terminal gets one reminder of new deaths; if the log cannot be read, the next command prints it', async () => {
  const home = newHome()
  const { lifecycleStateDir, records } = rootLayout(home.root)
  // Earlier versions used this name; it is read, and the present name is written.
  const former = join(lifecycleStateDir, 'looked')
  const mark = join(lifecycleStateDir, 'death-reminder')
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()
  for (const directory of [lifecycleStateDir, records.exitsLog.replace(/[^/]*$/, '')])
    mkdirSync(directory, { recursive: true })
  writeFileSync(
    records.exitsLog,
    `ts=${ago(10)} ev=session-exit identity=claude-bob gen=0123456789abcdef dead_status=1 dead_signal= leader_pid=8 forensics=\n`,
  )
  writeFileSync(former, `${ago(60)}\n`)

  const { tmux } = await home.server('terminal')
  let runs = 0
  /** Runs `iapeer verify` in a terminal. @returns its output and exit code */
  const verify = async (): Promise<string> => {
    const name = `run${++runs}`
    const command = `'${process.execPath}' '${MAIN}' verify; echo "exit $?"; exec cat`
    await tmux('new-session', '-d', '-s', name, '-x', '100', '-e', `IAPEER_ROOT=${home.root}`, command)
    return until('its exit code', async () => {
      const { stdout } = await tmux('capture-pane', '-p', '-t', `${name}:`)
      return /^exit /m.test(stdout) ? stdout.trimEnd() : undefined
    })
  }

  const unreadable = `${records.exitsLog}.1`
  mkdirSync(unreadable)
  expect(await verify()).toMatch(/^✓ registry and profiles agree.*\nexit 0$/)
  expect(existsSync(mark)).toBe(false)
  rmdirSync(unreadable)
  expect(await verify()).toMatch(/^1 death since your last command: iapeer deaths\n.*\nexit 0$/)
  expect(await verify()).toMatch(/^✓ registry and profiles agree.*\nexit 0$/)
})
