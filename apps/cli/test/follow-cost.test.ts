import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { homes, MAIN } from './support.ts'

const newHome = homes()
const track = asyncCleanups()

/** Returns how much a process has read, in bytes. */
const bytesRead = (pid: number | undefined): number =>
  Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])

it.skipIf(process.platform !== 'linux')(
  'deaths --follow reads the log of deaths only when it has changed',
  async () => {
    const home = newHome()
    const logs = join(home.root, 'logs', 'iapeer')
    mkdirSync(logs, { recursive: true })
    // Two rotated files of 2 MiB, and one death.
    for (const end of ['.1', '.2']) writeFileSync(join(logs, `exits.log${end}`), '\n'.repeat(2 * 1024 * 1024))
    const line = `ts=${new Date().toISOString()} ev=session-exit identity=claude-bob gen=0123456789abcdef dead_status=1 dead_signal= leader_pid=8 forensics=\n`
    writeFileSync(join(logs, 'exits.log'), line)
    const child = spawn(process.execPath, [MAIN, 'deaths', '-f', '--json'], {
      env: home.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    track(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    // The log is read once more, because it was written during the first reading.
    let before = bytesRead(child.pid)
    await until('the reading to stop', async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      const now = bytesRead(child.pid)
      const read = now - before
      before = now
      return read < 4 * 1024 * 1024
    })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(bytesRead(child.pid) - before).toBeLessThan(4 * 1024 * 1024)
    child.kill('SIGINT')
    expect((await ended)[0]).toBe(130)
  },
  30_000,
)
