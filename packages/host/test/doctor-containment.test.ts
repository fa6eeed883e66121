import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { testHosts } from './doctor-support.ts'

const newHost = testHosts()
const TRY = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'

/** Makes a host whose PATH has substitutes only: for a user manager that makes scopes, and for systemctl. */
function withManager(systemctl = 'exit 1') {
  const host = newHost()
  host.write('xdg/systemd/private', '')
  host.program('systemd-run', TRY)
  host.program('systemctl', systemctl)
  host.program('true', 'exit 0')
  const env = { PATH: host.at('bin'), XDG_RUNTIME_DIR: host.at('xdg') }
  const run = (limits: NodeJS.ProcessEnv = {}) =>
    host.runCheck('containment', {
      system: { ...host.context.system, uid: 1000, env: { ...env, ...limits } },
    })
  return { ...host, run }
}

describe.skipIf(process.platform !== 'linux')('the check of limits', () => {
  it('is a note where no user manager answers, with the reason, and a warning if limits are stated', async () => {
    const { runCheck, context, at } = newHost()
    expect(await runCheck('containment')).toMatchObject([
      {
        id: 'containment-none',
        level: 'note',
        what: 'new peers get no cgroup of their own, so no limit can be enforced: no systemd user manager answers: XDG_RUNTIME_DIR is not set',
      },
    ])
    mkdirSync(at('run', 'systemd', 'system'), { recursive: true })
    const env = { ...context.system.env, IAPEER_LIMIT_MEMORY: '4G', IAPEER_LIMIT_TASKS: '512' }
    expect(await runCheck('containment', { system: { ...context.system, env } })).toMatchObject([
      {
        level: 'warning',
        what: expect.stringContaining('their limits (memory, tasks) are not enforced'),
        fix: expect.stringMatching(/^loginctl enable-linger me/),
      },
    ])
  })

  it('is good where scopes can be made, and names the limits that the manager may not enforce', async () => {
    const { run } = withManager()
    expect(await run()).toMatchObject([{ id: 'containment', level: 'ok' }])
    const nowhere = withManager('echo ControlGroup=/nowhere')
    expect(await nowhere.run({ IAPEER_LIMIT_MEMORY: '4G', IAPEER_LIMIT_CPU_WEIGHT: '50' })).toMatchObject([
      {
        id: 'containment-controllers',
        level: 'warning',
        what: expect.stringMatching(
          /may not use memory, cpu: limits of memory, cpu_weight are not enforced$/,
        ),
      },
    ])
  })

  it.each([
    ['kill', true, 'oomd', 'ok'],
    ['auto', true, 'oomd', 'note'],
    ['kill', false, 'oomd-unmarked', 'note'],
  ])(
    'with systemd-oomd, a monitored manager (%s) and setfattr (%o), it has %s as %s',
    async (pressure, hasTool, id, level) => {
      const { run, at, program } = withManager(`[ "$1" = --user ] && exit 1
[ "$2" = systemd-oomd.service ] && echo ActiveState=active && exit
[ "$2" = user@1000.service ] && echo ManagedOOMMemoryPressure=${pressure}`)
      mkdirSync(at('run', 'systemd', 'system'), { recursive: true })
      if (hasTool) program('setfattr', 'exit 0')
      expect(await run()).toMatchObject([{ id: 'containment' }, { id, level }])
    },
  )
})
