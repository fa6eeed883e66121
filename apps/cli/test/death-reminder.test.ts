import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { homes, MAIN } from './support.ts'

const newHome = homes()

it('a terminal is reminded once of new deaths; a log that cannot be read is reported by the next command', async () => {
  const home = newHome()
  const { lifecycleStateDir, records } = rootLayout(home.root)
  // As earlier versions called it; a newer name is written.
  const former = join(lifecycleStateDir, 'looked')
  const mark = join(lifecycleStateDir, 'death-reminder')
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()
  for (const directory of [lifecycleStateDir, records.exitsLog.replace(/[^/]*$/, '')])
    mkdirSync(directory, { recursive: true })
  writeFileSync(
    records.exitsLog,
    `ts=${ago(10)} ev=session-exit identity=claude-bob gen=0123456789abcdef dead_status=1 dead_signal= leader_pid=8 forensics=\n`,
  )
  const lookedAt = `${ago(60)}\n`
  writeFileSync(former, lookedAt)

  const { tmux } = await home.server('terminal')
  let looks = 0
  /** What `iapeer verify` prints in a terminal, up to its exit code. */
  const look = async (): Promise<string> => {
    const name = `look${++looks}`
    const command = `'${process.execPath}' '${MAIN}' verify; echo "exit $?"; exec cat`
    await tmux('new-session', '-d', '-s', name, '-x', '100', '-e', `IAPEER_ROOT=${home.root}`, command)
    return until('its end', async () => {
      const { stdout } = await tmux('capture-pane', '-p', '-t', `${name}:`)
      return /^exit /m.test(stdout) ? stdout.trimEnd() : undefined
    })
  }

  const unreadable = `${records.exitsLog}.1`
  mkdirSync(unreadable)
  expect(await look()).toMatch(/^✓ registry and profiles agree.*\nexit 0$/)
  expect(existsSync(mark)).toBe(false)
  rmdirSync(unreadable)
  expect(await look()).toMatch(/^1 death since your last command: iapeer deaths\n.*\nexit 0$/)
  expect(await look()).toMatch(/^✓ registry and profiles agree.*\nexit 0$/)
})
