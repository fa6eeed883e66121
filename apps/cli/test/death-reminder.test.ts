import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { homes, MAIN } from './support.ts'

const newHome = homes()

it('a person at a terminal is told once what died; a look that cannot read the log is none', async () => {
  const home = newHome()
  const { lifecycleStateDir, records } = rootLayout(home.root)
  const mark = join(lifecycleStateDir, 'looked')
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()
  for (const directory of [lifecycleStateDir, records.exitsLog.replace(/[^/]*$/, '')])
    mkdirSync(directory, { recursive: true })
  writeFileSync(
    records.exitsLog,
    `ts=${ago(10)} ev=session-exit identity=claude-bob gen=0123456789abcdef dead_status=1 dead_signal= leader_pid=8 forensics=\n`,
  )
  const lookedAt = `${ago(60)}\n`
  writeFileSync(mark, lookedAt)

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
  expect(readFileSync(mark, 'utf8')).toBe(lookedAt)
  rmdirSync(unreadable)
  expect(await look()).toMatch(/^1 death since you last looked: iapeer deaths\n.*\nexit 0$/)
  expect(await look()).toMatch(/^✓ registry and profiles agree.*\nexit 0$/)
})
