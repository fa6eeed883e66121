import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { runTmux } from '@iapeer/tmux'
import { drillFailed } from '../errors.ts'
import type { OwnProcesses } from '../processes.ts'

interface PlainServerOptions {
  readonly socketPath: string
  readonly processes: OwnProcesses
  /** @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv
  /** The name of its session. @default chosen by tmux */
  readonly session?: string
}

const PROGRAM = 'exec sleep 1000'

/** Starts a tmux server as another program would: iapeer does not know it. @throws IapeerError `drill-failed` */
export async function startPlainServer(options: PlainServerOptions): Promise<ProcessId> {
  const { socketPath, processes, env, session } = options
  const name = session === undefined ? [] : ['-s', session]
  const args = ['-f', '/dev/null', 'new-session', '-d', '-P', '-F', '#{pid}', ...name, PROGRAM]
  const { exitCode, stdout, stderr } = await runTmux({ socketPath, args, ...(env && { env }) })
  const id = exitCode === 0 ? await identifyProcess(Number(stdout.trim())) : undefined
  if (id === undefined) throw drillFailed(`tmux could not start a server: ${stderr.trim()}`)
  processes.add(id)
  return id
}
