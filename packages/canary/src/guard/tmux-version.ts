import { runTool } from '../process/spawn.ts'
import { type Launch, left } from './launch.ts'

/** tmux before 3.2 has no `-D`: `tmux 3.1c` -> true. What prints no version is taken as new. */
function isOld(version: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
  return (
    major !== undefined &&
    minor !== undefined &&
    (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 2))
  )
}

/** What each tmux said of its version, by path: it is asked once by a process. */
const oldness = new Map<string, boolean>()

export async function isOldTmux(launch: Launch): Promise<boolean> {
  const known = oldness.get(launch.tmux)
  if (known !== undefined) return known
  const version = await runTool(launch.tmux, ['-V'], { env: launch.env, limitMs: left(launch) })
  const old = isOld(version.stdout)
  oldness.set(launch.tmux, old)
  return old
}
