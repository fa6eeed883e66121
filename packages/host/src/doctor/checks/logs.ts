import { runProgram } from '@iapeer/core/exec'
import { runsSystemd } from '../cgroup.ts'
import type { Check, DoctorContext, Finding } from '../finding.ts'

const ASK_MS = 2_000

/** Whether this user may read the log of the kernel. Undefined if no program answers. */
async function readsKernelLog({ system: { env } }: DoctorContext): Promise<boolean | undefined> {
  const { missing, timedOut, exitCode } = await runProgram(['dmesg'], { env, timeoutMs: ASK_MS })
  return missing || timedOut ? undefined : exitCode === 0
}

/** Whether this user may read the whole journal of systemd. Undefined without a journal. */
async function readsJournal(context: DoctorContext): Promise<boolean | undefined> {
  if (!runsSystemd(context)) return undefined
  const argv = ['journalctl', '--no-pager', '--lines=1', '--output=cat'] as const
  const { env } = context.system
  const { missing, timedOut, exitCode, stderr } = await runProgram(argv, { env, timeoutMs: ASK_MS })
  if (missing || timedOut) return undefined
  return exitCode === 0 && !/not seeing messages from other users|insufficient permissions/.test(stderr)
}

async function runLogs(context: DoctorContext): Promise<Finding[]> {
  const { platform, user, uid } = context.system
  if (platform !== 'linux') return []
  const [kernel, journal] = await Promise.all([readsKernelLog(context), readsJournal(context)])
  if (journal === true || (journal === undefined && kernel === true))
    return [{ id: 'system-logs', level: 'ok', what: 'the logs of the system can be read after a death' }]
  const missed =
    'so what the system logs about a death (out of memory, a stopped unit) is seen in part or not at all'
  if (journal === false)
    return [
      {
        id: 'system-logs',
        level: 'note',
        what: `this user may read only its own lines of the journal, ${missed}`,
        fix: `sudo usermod -aG systemd-journal ${user}, then log in again and run sudo systemctl restart user@${uid}.service (this stops what runs in it, also peers)`,
      },
    ]
  return [
    {
      id: 'system-logs',
      level: 'note',
      what: `this user may not read the log of the kernel, ${missed}`,
      fix: 'sudo sysctl kernel.dmesg_restrict=0 lets every user read it; otherwise read it after a death: sudo dmesg -T',
    },
  ]
}

export const logs: Check = { id: 'logs', title: 'Logs of the system', group: 'host', run: runLogs }
