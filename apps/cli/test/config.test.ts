import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { stopDaemon } from '@iapeer/host'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { afterEach, expect, it } from 'vitest'
import { homes, jsonLines } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

it('config set, get, list and unset change one line, and print where a value comes from', async () => {
  const home = newHome()
  expect((await home.iapeer('config', 'set', 'daemon.tick_secs', '5')).stdout).toMatch(/unset -> 5\n/)
  expect((await home.iapeer('config', 'get', 'daemon.tick_secs')).stdout).toBe('5\n')
  const listed = await home.iapeerWith({ IAPEER_IDLE_SECS: '9' }, 'config', 'list')
  expect(listed.stdout).toMatch(/daemon\.tick_secs +5 +config\.toml:2\n/)
  expect(listed.stdout).toMatch(/peers\.idle_secs +9 +environment \(IAPEER_IDLE_SECS\)\n/)
  expect(listed.stdout).toMatch(/crash_loop\.deaths +3 +default\n/)
  expect((await home.iapeer('config', 'unset', 'daemon.tick_secs')).exitCode).toBe(0)
  expect((await home.iapeer('config', 'get', 'daemon.tick_secs')).stdout).toBe('60\n')
  expect((await home.iapeer('config', 'path')).stdout).toBe(`${join(home.root, 'config.toml')}\n`)
})

it('config set refuses bad values with exit code 2, and prints no secret', async () => {
  const home = newHome()
  const set = (...args: string[]) => home.iapeer('config', 'set', ...args)
  expect(await set('daemon.tick_secs', 'soon')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('invalid daemon.tick_secs "soon": expected a number of seconds >= 0.1'),
  })
  expect((await set('daemon.tick_sec', '5')).stderr).toContain('Did you mean daemon.tick_secs?')
  expect(await set('notify.webhook_url', 'http://a.example/s3cret')).toMatchObject({ exitCode: 2 })
  expect((await set('notify.webhook_url', 'http://127.0.0.1:9/s3cret')).exitCode).toBe(0)
  expect((await set('notify.webhook_url', 'http://a.example/s3cret', '--insecure')).exitCode).toBe(0)
  const printed = [
    await set('notify.webhook_url', 'https://a.example/s3cret'),
    await home.iapeer('config', 'list'),
  ]
  for (const { stdout, stderr } of printed) expect(stdout + stderr).not.toContain('s3cret')
  expect(readFileSync(join(home.root, 'config.toml'), 'utf8')).toContain('s3cret')
})

it('set says that a peer which has died already is not restarted by its new policy', async () => {
  const home = newHome()
  const set = async (...changes: string[]) => (await home.iapeer('set', 'bob', ...changes)).stderr
  await home.iapeer('create', 'bob', '--', 'sh', '-c', 'read -r _; exit 3')
  expect(await set('restart=always')).not.toContain('ended')
  await home.iapeer('start', 'bob')
  expect(await set('restart=on-failure')).not.toContain('ended')
  await set('restart=no')
  const [session] = await listSessions(home.root)
  await run('tmux', ['-S', String(session?.socketPath), 'send-keys', '-t', ':', 'Enter'])
  await until(
    'the end of bob',
    async () => jsonLines((await home.iapeer('list', '--json')).stdout)[0]?.['state'] === 'failed',
  )
  const line = 'iapeer: bob has ended already, and is not restarted for that; iapeer start bob starts it\n'
  expect(await set('restart=always')).toContain(line)
  expect(await set('idle-secs=30')).not.toContain('ended')
  expect(await set('restart=no')).not.toContain('ended')
  expect(await set('restart=always', 'wake_policy=keep-alive')).not.toContain('ended')
})

it.runIf(isFullCampaign())(
  'set changes fields of a profile, prints old and new, and refuses what is invalid',
  async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--restart', 'on-failure', '--', 'sleep', '1000')
    const done = await home.iapeer('set', 'bob', 'restart=always', 'idle-secs=30', 'command=sleep 2000')
    expect(done.stdout).toBe(
      'restart: on-failure -> always (applies now)\nidle_secs: unset -> 30 (applies now)\ncommand: sleep 1000 -> sleep 2000 (applies from the next start)\n',
    )
    expect(done.stderr).toContain('no daemon is running, and only the daemon applies restart=always')
    const show = async () => jsonLines((await home.iapeer('show', 'bob', '--json')).stdout)[0]
    expect(await show()).toMatchObject({ restart: 'always', idleSecs: 30, command: ['sleep', '2000'] })
    for (const [change, problem] of [
      ['restart=perhaps', 'must be no, on-failure, always, resume'],
      ['idle_secs=-1', 'idle_secs: must be'],
      ['restrat=no', 'Did you mean restart?'],
      ['runtimes=', 'runtimes cannot be removed'],
      ['personality=ann', 'iapeer rename'],
      ['restart', 'expected key=value'],
    ] as const)
      expect(await home.iapeer('set', 'bob', 'idle_secs=1', change)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(problem),
      })
    expect(await show()).toMatchObject({ idleSecs: 30 })
    await home.iapeer('set', 'bob', 'idle_secs=')
    expect(await show()).not.toHaveProperty('idleSecs')
  },
)

it.runIf(isFullCampaign())(
  'set changes limits, says how to undo that and whether they are enforced, and refuses other values',
  async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('config', 'set', 'limits.tasks', '512')
    const set = (...changes: string[]) => home.iapeerWith({ XDG_RUNTIME_DIR: '' }, 'set', 'bob', ...changes)
    const done = await set('memory=4096M', 'tasks=none')
    expect(done.stdout).toBe(
      'memory: default (none) -> 4G (applies from the next start)\ntasks: default (512) -> none (applies from the next start)\n  undo: iapeer set bob memory=default tasks=default\n',
    )
    expect(done.stderr).toMatch(/^iapeer: limits are not enforced here: /)
    const show = async () => jsonLines((await home.iapeer('show', 'bob', '--json')).stdout)[0]
    expect(await show()).toMatchObject({
      containment: { state: 'not-running', wanted: { memory: 4 * 2 ** 30 } },
    })
    expect((await home.iapeer('show', 'bob')).stdout).toMatch(/ limits +memory 4G, from its next start\n/)
    for (const [change, problem] of [
      ['memory=4', 'invalid memory "4": expected a size of at least 16M'],
      ['memroy=4G', 'Did you mean memory?'],
      ['tasks=many', 'expected a whole number from 16 to 4194304, or none'],
      ['memory_high=6G', 'memory_high (6G) is above memory (4G)'],
      ['limits=4G', 'unknown key "limits"'],
    ] as const)
      expect(await set('cpu_weight=50', change)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(problem),
      })
    expect((await set('memory=default', 'tasks=')).stdout).toBe(
      'memory: 4G -> default (none) (applies from the next start)\ntasks: none -> default (512) (applies from the next start)\n  undo: iapeer set bob memory=4G tasks=none\n',
    )
    expect(await show()).toMatchObject({ containment: { wanted: { tasks: 512 } } })
    const profile = join(home.root, 'peers', 'bob', '.iapeer', 'peer-profile.json')
    expect(JSON.parse(readFileSync(profile, 'utf8'))).not.toHaveProperty('limits')
  },
)

it.runIf(isFullCampaign())('edit saves a valid profile; an invalid one is kept and continued', async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--restart', 'no', '--', 'sleep', '1000')
  const edit = (EDITOR: string) => home.iapeerWith({ EDITOR, VISUAL: '' }, 'edit', 'bob')
  const draft = join(home.root, 'peers', 'bob', '.iapeer', 'peer-profile.edit.json')
  const profile = () => readFileSync(join(draft, '..', 'peer-profile.json'), 'utf8')
  const before = profile()
  const bad = await edit(`sed -i 's/"no"/"bogus; touch $HOME"/'`)
  expect(bad).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`rm ${draft}`) })
  expect(profile()).toBe(before)
  expect((await edit(`sed -i 's/"bogus.*"/"always"/'`)).exitCode).toBe(0)
  expect(profile()).toBe(before.replace('"no"', '"always"'))
  expect(await edit('true')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('nothing was changed'),
  })
  expect((await edit('no-such-editor')).stderr).toMatch(/no-such-editor\n {2}Set VISUAL or EDITOR/)
})

it('create warns about a program, a runtime and a policy that will not work; init refuses a shared directory', async () => {
  const home = newHome()
  expect(await home.iapeer('create', 'a', '--', 'nosuchprog')).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('program not found: nosuchprog'),
  })
  expect((await home.iapeer('create', 'b', '--runtime', 'claud')).stderr).toContain('Did you mean claude?')
  expect((await home.iapeer('create', 'c', '--', 'sleep', '1')).stderr).toBe('')
  expect(await home.iapeer('init', '/tmp')).toMatchObject({ exitCode: 2 })
})

it('the daemon applies config.toml without a restart, keeps good values, and restarts a peer that exits with 0', async () => {
  const home = newHome()
  roots.push(home.root)
  await home.iapeer('create', 'bob', '--restart', 'always', '--', 'sh', '-c', 'sleep 2; exit 0')
  await home.iapeer('daemon', 'start')
  const log = async () => readFileSync(join(home.root, 'logs', 'iapeer', 'daemon.log'), 'utf8')
  await home.iapeer('config', 'set', 'crash_loop.deaths', '50')
  await until('the file to be applied', async () => (await log()).includes('config.toml was applied'))
  const path = join(home.root, 'config.toml')
  writeFileSync(path, 'broken = = 1\n')
  await until('the problem to be logged', async () => (await log()).includes('the last good values stay'))
  expect(readFileSync(path, 'utf8')).toBe('broken = = 1\n')
  await home.iapeer('start', 'bob')
  const [first] = await listSessions(home.root)
  await until('another session', async () => {
    const [now] = await listSessions(home.root)
    return now !== undefined && now.leader.pid !== first?.leader.pid
  })
  await home.iapeer('stop', 'bob')
}, 60_000)

it('set takes --permissions before or after its keys, and needs something to set', async () => {
  const home = newHome()
  await home.iapeer('create', 'ann', '--runtime', 'claude')
  expect((await home.iapeer('set', 'ann', '--permissions', 'own')).stdout).toBe(
    'permissions: ask -> own (applies from the next start)\n',
  )
  const both = await home.iapeer('set', 'ann', 'restart=always', '--permissions', 'skip')
  expect(both.stdout).toMatch(/^restart: .*\npermissions: own -> skip /)
  expect(await home.iapeer('set', 'ann', '--permissions', 'all')).toMatchObject({ exitCode: 2 })
  expect(await home.iapeer('set', 'ann')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('nothing to set'),
  })
})
