import { identifyProcess, type ProcessId, readProcessTable, signalProcess } from '@iapeer/core/process'

/**
 * Sends SIGTERM to the processes that a tmux server has started, as the server does itself when it exits. A server that waits
 * for a command of its configuration (run-shell without -b) does not exit before that command does.
 */
export async function terminateJobs(server: ProcessId): Promise<void> {
  const children = (await readProcessTable()).filter(({ ppid }) => ppid === server.pid)
  const jobs = await Promise.all(children.map(({ pid }) => identifyProcess(pid)))
  for (const job of jobs) if (job !== undefined) await signalProcess(job, 'SIGTERM')
}
