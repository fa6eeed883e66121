import { errnoOf } from '../errors/index.ts'
import { readProcFile } from './proc-file.ts'
import { hasProcfs } from './process-identity.ts'

const SHELL_SAFE = /^\d{1,10}\.\d{3}\/\d*$/

/** Reads `btime` of /proc/stat (proc_stat(5)): the wall clock at boot, in seconds. It changes when the clock is set. */
function bootTime(): string {
  return /^btime (\d+)$/m.exec(readProcFile('/proc/stat', 1 << 20))?.[1] ?? ''
}

/**
 * Returns the offset from which a script computes the wall clock with /proc/uptime alone: `<seconds>.<milliseconds>/<btime>`,
 * the present wall clock minus the uptime (accurate to 10 ms), and `btime` of /proc/stat. Empty where there is no /proc.
 */
export function readBootClock(): string {
  if (!hasProcfs()) return ''
  try {
    const [uptime = ''] = readProcFile('/proc/uptime').split(' ')
    const offsetMs = Date.now() - Math.round(Number(uptime) * 1_000)
    const note = `${Math.floor(offsetMs / 1_000)}.${String(offsetMs % 1_000).padStart(3, '0')}/${bootTime()}`
    return SHELL_SAFE.test(note) ? note : ''
  } catch (error) {
    // Without an offset the scripts run `date`.
    if (errnoOf(error) === undefined) throw error
    return ''
  }
}
