import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { testHosts } from './doctor-support.ts'

const newHost = testHosts()
const HINT = 'Hint: You are currently not seeing messages from other users and the system.'

/** A host whose `dmesg` and `journalctl` answer so; `systemd`: it is the init of the host. */
function host({ dmesg, journalctl }: { dmesg: string; journalctl?: string }) {
  const made = newHost()
  made.program('dmesg', dmesg)
  made.program('journalctl', journalctl ?? 'exit 1')
  if (journalctl !== undefined) mkdirSync(made.at('run', 'systemd', 'system'), { recursive: true })
  return made
}

describe('the check of the logs of the system', () => {
  it.each([
    [
      'only the own lines of the journal',
      { dmesg: 'exit 1', journalctl: `echo x; echo '${HINT}' >&2` },
      'note',
      /systemd-journal me/,
    ],
    [
      'a closed journal, although the kernel log is open',
      { dmesg: 'echo x', journalctl: `echo '${HINT}' >&2` },
      'note',
      /systemd-journal me/,
    ],
    ['an open journal, which has the kernel log', { dmesg: 'exit 1', journalctl: 'echo x' }, 'ok', /^$/],
    ['no systemd and a closed kernel log', { dmesg: 'echo no >&2; exit 1' }, 'note', /sudo dmesg -T/],
    ['no systemd and an open kernel log', { dmesg: 'echo x' }, 'ok', /^$/],
    ['programs that hang', { dmesg: 'exec sleep 100', journalctl: 'exec sleep 100' }, 'note', /dmesg/],
  ] as const)('%s', async (_what, programs, level, fix) => {
    const [finding, ...more] = await host(programs).runCheck('logs')
    expect(more).toEqual([])
    expect(finding).toMatchObject({ id: 'system-logs', level })
    expect(finding?.fix ?? '').toMatch(fix)
  })

  it('does not exist on macOS', async () => {
    const made = host({ dmesg: 'echo x' })
    const system = { ...made.context.system, platform: 'darwin' as const }
    expect(await made.runCheck('logs', { system })).toEqual([])
  })
})
