import { runTool } from '../process/spawn.ts'
import { type Launch, remainingMs } from './launch.ts'

/** Returns whether a version is below 3.2, which has no `-D`: `tmux 3.1c` -> true. Output without a version -> false. */
function isOld(version: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
  return (
    major !== undefined &&
    minor !== undefined &&
    (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 2))
  )
}

/** Whether a tmux is old, by path: each is asked once per process. */
const oldness = new Map<string, boolean>()

export async function isOldTmux(launch: Launch): Promise<boolean> {
  const known = oldness.get(launch.tmux)
  if (known !== undefined) return known
  const version = await runTool(launch.tmux, ['-V'], { env: launch.env, limitMs: remainingMs(launch) })
  const old = isOld(version.stdout)
  oldness.set(launch.tmux, old)
  return old
}
