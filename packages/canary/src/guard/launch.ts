import { IapeerError, type IapeerErrorDetails } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { runTool, type ToolResult } from '../process/spawn.ts'

/** The checked options of one start. */
export interface Launch {
  readonly identity: string
  readonly layout: RecordLayout
  readonly socketPath: string
  readonly tmux: string
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly configFile: string | undefined
  /** When the start fails with `start-timeout`, as a time of performance.now(). */
  readonly deadline: number
}

export function refuse(
  code: IapeerErrorDetails['code'],
  message: string,
  hint: string,
  cause?: unknown,
): never {
  throw new IapeerError(message, { code, hint, cause })
}

/** Returns the time left for the whole start, in milliseconds, at least 1. */
export const remainingMs = (launch: Launch): number => Math.max(1, launch.deadline - performance.now())

export function throwTimeout(launch: Launch, step: string): never {
  return refuse(
    'start-timeout',
    `the tmux server at ${launch.socketPath} did not start in time (${step})`,
    'Raise timeoutMs, or check the load of this host.',
  )
}

/** Runs a tmux client on the socket of a launch. */
export async function client(launch: Launch, args: readonly string[]): Promise<ToolResult> {
  return runTool(launch.tmux, ['-S', launch.socketPath, ...args], {
    env: launch.env,
    limitMs: remainingMs(launch),
  })
}
