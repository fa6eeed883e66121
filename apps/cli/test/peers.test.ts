import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()

describe('iapeer create, init, list and show', () => {
  it('create peers and print them, with the JSON of docs/records.md', async () => {
    const home = newHome()
    const made = await home.iapeer('create', 'bob', '--description', 'Builds.', '--json')
    const bob = {
      schemaVersion: 2,
      identity: 'claude-bob',
      personality: 'bob',
      runtime: 'claude',
      runtimes: ['claude'],
      intelligence: 'artificial',
      description: 'Builds.',
      home: join(home.root, 'peers', 'bob'),
      cwd: join(home.root, 'peers', 'bob'),
      permissions: 'ask',
    }
    // Where claude is not installed, a warning says so.
    expect(made).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^(iapeer: warning: program not found: claude; .*\n)?$/),
    })
    expect(jsonLines(made.stdout)).toEqual([bob])
    await home.iapeer('create', 'top', '--cwd', home.path, '--', 'sh', '-c', 'exec sleep "$1"', 'x')
    const listed = jsonLines((await home.iapeer('list', '--json')).stdout)
    expect(listed).toMatchObject([bob, { identity: 'command-top', cwd: home.path }])
    expect(jsonLines((await home.iapeer('show', 'command-top', '--json')).stdout)).toMatchObject([
      { personality: 'top', command: ['sh', '-c', 'exec sleep "$1"', 'x'], interfaces: [] },
    ])
    expect((await home.iapeer('list')).stdout).toMatch(
      /^PEER +STATE +SINCE +RESTARTS +LAST DEATH +DIRECTORY\n○ bob +new +- +- +- .*peers\/bob\n○ top /,
    )
    expect((await home.iapeer('show', 'bob')).stdout).toMatch(
      /^○ bob {2}Builds\.\n {2}runtimes +claude \(default\)\n {2}state +new\n/,
    )
    expect((await home.iapeer()).stdout).toBe('2 peers: iapeer list\n')
    expect(statSync(join(home.root, 'peers-profiles.json')).mode & 0o777).toBe(0o600)
  })

  it('print the permissions of an agent, which are ask unless chosen otherwise, and store them in its profile', async () => {
    const home = newHome()
    const profileOf = (peer: string): object =>
      JSON.parse(readFileSync(join(home.root, 'peers', peer, '.iapeer', 'peer-profile.json'), 'utf8'))
    expect((await home.iapeer('create', 'ann')).stdout).toMatch(/^ {2}permissions +ask: the agent asks/m)
    const codex = ['create', 'ben', '--runtime', 'codex', '--permissions', 'skip']
    expect((await home.iapeer(...codex)).stdout).toMatch(/^ {2}permissions +skip: the agent acts without/m)
    await home.iapeer('create', 'cat', '--', 'cat')
    expect(['ann', 'ben', 'cat'].map(profileOf)).toMatchObject([
      { permissions: 'ask' },
      { permissions: 'skip' },
      expect.not.objectContaining({ permissions: expect.anything() }),
    ])
    expect((await home.iapeer('show', 'ben')).stdout).toMatch(/^ {2}permissions +skip: /m)
    expect((await home.iapeer('show', 'cat')).stdout).not.toContain('permissions')
    expect(
      jsonLines((await home.iapeer('list', '--json')).stdout).map((one) => ({ ...Object(one) }).permissions),
    ).toEqual(['ask', 'skip', undefined])
    for (const [args, message] of [
      [['--permissions', 'all'], /invalid --permissions "all": expected ask, own, skip/],
      [['--permissions', 'ask', '--', 'cat'], /--permissions does not apply to the runtime command/],
    ] as const)
      expect(await home.iapeer('create', 'dan', ...args)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(message),
      })
  })

  it('init --trust and --permissions also change a peer that exists', async () => {
    const home = newHome()
    const own = join(home.path, 'own')
    mkdirSync(own)
    const profile = (): object => JSON.parse(readFileSync(join(own, '.iapeer', 'peer-profile.json'), 'utf8'))
    await home.iapeer('init', own, '--name', 'ann')
    expect(profile()).not.toHaveProperty('trusted_cwd')
    await home.iapeer('init', own, '--trust', '--permissions', 'own')
    expect(profile()).toMatchObject({ permissions: 'own', trusted_cwd: expect.stringMatching(/\/own$/) })
    const work = join(home.path, 'work')
    mkdirSync(work)
    await home.iapeer('create', 'bob', '--cwd', work, '--trust', '--json')
    expect(
      JSON.parse(readFileSync(join(home.root, 'peers', 'bob', '.iapeer', 'peer-profile.json'), 'utf8')),
    ).toMatchObject({ cwd: work, trusted_cwd: work })
  })

  it.runIf(isFullCampaign())(
    'list and status print that a planned start does not happen while no daemon is running',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      const tally = join(home.root, 'state', 'lifecycle', 'command-bob.tally')
      const plan = (startAt: string) =>
        writeFileSync(tally, JSON.stringify({ endings: [], restarts: 2, startAt }))
      const startAt = new Date(Date.now() + 90_000).toISOString()
      plan(startAt)
      const waits = /\n○ bob +new \(not restarted: no daemon\) +- +2 +-/
      expect((await home.iapeer('list')).stdout).toMatch(waits)
      expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([
        { state: 'not-running', nextStartAt: startAt, awaitsDaemon: true, restarts: 2 },
      ])
      for (const args of [['status'], []])
        expect((await home.iapeer(...args)).stdout).toMatch(
          /1 peer: iapeer list\n {2}bob is not restarted, because no daemon is running: iapeer daemon start\n$/,
        )
      plan(new Date(Date.now() - 5_000).toISOString())
      expect((await home.iapeer('list')).stdout).toMatch(waits)
      expect((await home.iapeer('list', '--json')).stdout).not.toContain('nextStartAt')
      writeFileSync(tally, JSON.stringify({ endings: [], restarts: 2 }))
      expect((await home.iapeer('list')).stdout).toMatch(/\n○ bob +new {2}/)
    },
  )

  it.runIf(isFullCampaign())('list and status print when the daemon will start a peer', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const startAt = new Date(Date.now() + 90_000).toISOString()
    writeFileSync(
      join(home.root, 'state', 'lifecycle', 'command-bob.tally'),
      JSON.stringify({ endings: [], restarts: 2, startAt }),
    )
    expect(await home.iapeer('daemon', 'start')).toMatchObject({ exitCode: 0 })
    try {
      expect((await home.iapeer('list')).stdout).toMatch(/\n○ bob +restarting in (90|[78]\d) s +- +2 +-/)
      expect((await home.iapeer('list', '--json')).stdout).not.toContain('awaitsDaemon')
      expect((await home.iapeer('status')).stdout).toMatch(
        /1 peer: iapeer list\n {2}bob is restarting in (90|[78]\d) s\n$/,
      )
    } finally {
      await home.iapeer('daemon', 'stop')
    }
    expect((await home.iapeer('list')).stdout).toMatch(/\n○ bob +new \(not restarted: no daemon\)/)
  })

  it('init makes a directory a home, names the peer after it, and registers an existing profile', async () => {
    const home = newHome()
    const directory = join(home.path, 'Ночная смена')
    mkdirSync(directory)
    expect((await home.iapeer('init', directory)).stdout).toMatch(/^● created nochnaya-smena \(claude\)/)
    expect((await home.iapeer('init', directory)).stdout).toMatch(/^● registered nochnaya-smena \(claude\)/)
    const inside = await run(process.execPath, [MAIN, 'init', '--json'], { env: home.env, cwd: directory })
    expect(jsonLines(inside.stdout)).toMatchObject([{ personality: 'nochnaya-smena', home: directory }])
    expect((await home.iapeer('init', directory, '--name', 'other')).stderr).toMatch(
      /iapeer rename nochnaya-smena other/,
    )
  })

  it.each([
    [['create'], 2, /missing required argument/],
    [['create', 'Bob'], 2, /not a peer's name: "Bob"\n {2}Use a lower-case letter/],
    [['create', 'bob', '--runtime', 'a-b'], 2, /not a runtime/],
    [
      ['create', 'bob', '--runtime', 'command'],
      2,
      /needs a program\n {2}Pass it after --: iapeer create NAME -- PROGRAM/,
    ],
    [
      ['create', 'bob', '--runtime', 'claude', '--', 'ls'],
      2,
      /--runtime claude cannot be combined with a program \("ls"\)/,
    ],
    [['create', 'bob', '--cwd', '/nowhere/at/all'], 2, /--cwd is not a directory/],
    [['create', 'bob', '--home', ''], 2, /--home is empty/],
    [
      ['create', 'bob', '--intelligence', 'alien'],
      2,
      /invalid --intelligence "alien".*\n {2}Use natural \(a/,
    ],
    [['create', 'bob', '--description', 'x'.repeat(451)], 2, /description: must be at most 450 characters/],
    [['create', 'bob', '--', ''], 2, /command: must be at least the program/],
    [['create', 'bob', '--home', '/etc/hostname'], 2, /is not a directory\n {2}Choose another/],
    [['init', '/nowhere/at/all'], 2, /the home is not a directory/],
    [['init', '/'], 2, /no peer's name can be derived from/],
    [['show', 'eve'], 4, /no such peer: eve\n {2}iapeer list/],
    [['show', ''], 2, /the name of the peer is empty\n {2}iapeer list/],
    [['remove', 'eve'], 4, /no such peer: eve/],
    [['rename', 'eve', 'bob'], 4, /no such peer: eve/],
    [['rename', 'eve', 'Bob'], 2, /not a peer's name/],
    [['runtimes', 'add', 'codex'], 2, /expected either --peer or --all/],
    [['runtimes', 'add', 'codex', '--all', '--peer', 'x'], 2, /expected either/],
    [['runtimes', 'drop', 'codex', '--all'], 2, /unknown action "drop"/],
    [['runtimes', 'add', 'codex', '--peer', 'eve'], 4, /no such peer: eve/],
    [['list', 'x'], 2, /too many arguments/],
  ])('%j exits with %i and prints what to do', async (args, exitCode, message) => {
    const home = newHome()
    const done = await home.iapeer(...args)
    expect(done.exitCode).toBe(exitCode)
    expect(done.stderr).toMatch(message)
    expect(done.stderr).not.toMatch(/\n\s+at /)
    if (existsSync(join(home.root, 'peers'))) expect(readdirSync(join(home.root, 'peers'))).toEqual([])
  })
})

describe('iapeer rename, remove and runtimes', () => {
  it.runIf(isFullCampaign())('change what is registered, and lose no file', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob')
    await home.iapeer('create', 'ann')
    expect((await home.iapeer('create', 'bob')).stderr).toMatch(/the name bob is taken/)
    expect((await home.iapeer('rename', 'claude-bob', 'rob')).stdout).toMatch(
      /^bob is now rob; its home stays/,
    )
    // rob keeps that home, so the new bob gets another one.
    expect((await home.iapeer('create', 'bob')).stdout).toMatch(/peers\/bob-2\n/)
    expect((await home.iapeer('remove', 'bob')).exitCode).toBe(0)
    expect((await home.iapeer('rename', 'rob', 'ann')).exitCode).toBe(1)
    expect((await home.iapeer('runtimes', 'add', 'codex', '--peer', 'rob')).stdout).toBe(
      'rob  claude (default), codex\n',
    )
    expect(jsonLines((await home.iapeer('runtimes', 'default', 'codex', '--all', '--json')).stdout)).toEqual([
      { schemaVersion: 2, personality: 'ann', runtime: 'codex', runtimes: ['claude', 'codex'] },
      { schemaVersion: 2, personality: 'rob', runtime: 'codex', runtimes: ['claude', 'codex'] },
    ])
    const removed = await home.iapeer('remove', 'rob')
    expect(removed.stdout).toMatch(
      /^rob is removed; its files stay in .*\n {2}its profile is kept as .*removed/,
    )
    expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([{ personality: 'ann' }])
    expect(existsSync(join(home.root, 'peers', 'bob', '.iapeer'))).toBe(true)
  })

  it.runIf(isFullCampaign())(
    'with --all, a peer that cannot be changed does not prevent the change of the others',
    async () => {
      const home = newHome()
      for (const name of ['ann', 'bob']) await home.iapeer('create', name)
      writeFileSync(join(home.root, 'peers', 'ann', '.iapeer', 'peer-profile.json'), '{')
      const done = await home.iapeer('runtimes', 'add', 'codex', '--all')
      expect(done).toMatchObject({ exitCode: 1, stdout: 'bob  claude (default), codex\n' })
      expect(done.stderr).toMatch(/ann.*is not JSON[\s\S]*Correct that file/)
    },
  )
})

it.runIf(isFullCampaign())(
  'a command finishes its work if the reader of its output exits early',
  async () => {
    const home = newHome()
    for (let at = 0; at < 6; at++) await home.iapeer('create', `p${at}`)
    const command = '"$0" "$1" runtimes add codex --all | true'
    expect(await run('sh', ['-c', command, process.execPath, MAIN], { env: home.env })).toMatchObject({
      stderr: '',
    })
    const listed = jsonLines((await home.iapeer('list', '--json')).stdout)
    expect(listed).toEqual(
      Array.from({ length: 6 }, () => expect.objectContaining({ runtimes: ['claude', 'codex'] })),
    )
  },
)

it('control characters in a description do not reach the terminal', async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--description', '\u001b[2Jgone\u0007')
  for (const command of [['show', 'bob']]) {
    const { stdout } = await home.iapeer(...command)
    expect(stdout).toContain('[2Jgone')
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u)
  }
})

it('reports a missing home directory, and a root that lies in a file', async () => {
  const home = newHome()
  const { IAPEER_ROOT: _root, ...env } = home.env
  const nowhere = await run(process.execPath, [MAIN, 'create', 'bob'], {
    env: { ...env, HOME: '' },
    cwd: home.path,
  })
  expect(nowhere).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Set IAPEER_ROOT') })
  expect(readdirSync(home.path)).toEqual([])
  writeFileSync(join(home.path, 'file'), '')
  const inFile = await run(process.execPath, [MAIN, 'create', 'bob'], {
    env: { ...env, IAPEER_ROOT: join(home.path, 'file', 'x') },
  })
  expect(inFile.stderr).toMatch(/^iapeer: .*ENOTDIR.*\n {2}A file is in the place of a directory/)
})

describe('iapeer verify', () => {
  it('prints that registry and profiles agree, or each difference, and fixes them', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob')
    expect(await home.iapeer('verify')).toMatchObject({
      exitCode: 0,
      stdout: '✓ registry and profiles agree (1 peer)\n',
    })
    const registry = join(home.root, 'peers-profiles.json')
    writeFileSync(registry, '{"half')
    const listed = await home.iapeer('list')
    expect(listed.exitCode).toBe(1)
    expect(listed.stderr).toMatch(/the registry .* cannot be read: .*\n {2}Rebuild it .* iapeer verify --fix/)
    expect(await home.iapeer()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('verify --fix'),
    })
    const found = await home.iapeer('verify', '--json')
    expect(found.exitCode).toBe(1)
    expect(jsonLines(found.stdout)).toMatchObject([
      { kind: 'registry-corrupt', fixable: true },
      { kind: 'unregistered', personality: 'bob', fixable: true },
    ])
    const fixed = await home.iapeer('verify', '--fix')
    expect(fixed).toMatchObject({ exitCode: 0, stderr: '' })
    const [, kept = ''] = /kept as (.*)/.exec(fixed.stdout) ?? []
    expect(readFileSync(kept, 'utf8')).toBe('{"half')
    expect(fixed.stdout).toMatch(/registry and profiles agree \(1 peer\)\n$/)
    expect((await home.iapeer('list')).stdout).toMatch(/^○ bob /m)
  })

  it.runIf(isFullCampaign())('leaves what a person has to decide, with exit code 1', async () => {
    const home = newHome()
    const directory = join(home.path, 'disk')
    mkdirSync(directory)
    await home.iapeer('init', directory)
    rmSync(directory, { recursive: true })
    const left = await home.iapeer('verify', '--fix', '--json')
    expect(left.exitCode).toBe(1)
    expect(jsonLines(left.stdout)).toMatchObject([
      { kind: 'home-missing', personality: 'disk', fixed: false },
    ])
    expect((await home.iapeer('verify')).stdout).toMatch(/mount or restore it, or iapeer remove disk/)
  })
})

it.runIf(isFullCampaign())('completion offers the names of peers', async () => {
  const home = newHome()
  for (const name of ['bob', 'ann']) await home.iapeer('create', name)
  expect((await home.iapeer('complete', '--', 'show', '')).stdout).toMatch(/^ann\tpeer\nbob\tpeer/)
  expect((await home.iapeer('complete', '--', 'runtimes', 'add', 'codex', '--peer', '')).stdout).toMatch(
    /^bob\t/m,
  )
  writeFileSync(join(home.root, 'peers-profiles.json'), '')
  expect(await home.iapeer('complete', '--', 'show', '')).toMatchObject({ exitCode: 0, stderr: '' })
})
