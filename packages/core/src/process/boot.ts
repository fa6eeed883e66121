import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs, readProcesses } from './process-identity.ts'

function kernelBootId(): string {
  try {
    return readProcFile('/proc/sys/kernel/random/boot_id').trim()
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EPERM') return '-'
    throw error
  }
}

/**
 * Identifies the present boot of this system: kernel boot id and start time of pid 1, joined by `/`. The restart of a
 * container keeps the boot id, and changes the start time of pid 1. A part that cannot be read is `-`. Without /proc the
 * result is `ps/<start time of pid 1>`.
 * @throws IapeerError `ps-failed`
 */
export async function readBoot(): Promise<string> {
  const first = (await readProcesses([1])).get(1)
  const token = first?.kind === 'running' || first?.kind === 'zombie' ? first.token : '-'
  return `${hasProcfs() ? kernelBootId() : 'ps'}/${token}`
}
