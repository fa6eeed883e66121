import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createProfile,
  currentIdentity,
  type ProfileChanges,
  parseProfile,
  profilePath,
  readProfile,
  toPersonality,
  toRuntime,
  updateProfile,
} from '../src/index.ts'
import { directories, sub } from './support.ts'

const { directory } = directories()
const bob = toPersonality('bob')
const [claude, codex] = [toRuntime('claude'), toRuntime('codex')]

function homeWith(text: string): string {
  const home = directory()
  mkdirSync(join(home, '.iapeer'))
  writeFileSync(profilePath(home), text)
  return home
}

const textOf = (home: string): string => readFileSync(profilePath(home), 'utf8')

describe('reading a profile', () => {
  it('returns every field', () => {
    const text = JSON.stringify({
      personality: 'bob',
      default_runtime: 'command',
      runtimes: ['command', 'claude'],
      description: 'x'.repeat(450),
      intelligence: 'scripted',
      cwd: '/work/repo',
      trusted_cwd: '/work',
      permissions: 'skip',
      wake_policy: 'keep-alive',
      restart: 'on-failure',
      after_reboot: 'resume',
      idle_secs: 600,
      initial_prompt: 'Begin.',
      interfaces: { telegram: { bot: 'b' } },
      command: ['python3', '-c', 'x'],
    })
    expect(parseProfile(text, 'p')).toEqual({
      personality: 'bob',
      defaultRuntime: 'command',
      runtimes: ['command', 'claude'],
      description: 'x'.repeat(450),
      intelligence: 'absent',
      cwd: '/work/repo',
      trustedCwd: '/work',
      permissions: 'skip',
      wakePolicy: 'keep-alive',
      restart: 'on-failure',
      afterReboot: 'resume',
      idleSecs: 600,
      initialPrompt: 'Begin.',
      interfaces: { telegram: { bot: 'b' } },
      command: ['python3', '-c', 'x'],
    })
  })

  it.each([
    [{ after_death: 'asleep', after_reboot: 'asleep' }, 'no', 'no'],
    [{ after_death: 'restart', after_reboot: 'restart' }, 'on-failure', 'restart'],
    [{ after_death: 'resume', after_reboot: 'resume' }, 'resume', 'resume'],
    [{ after_death: 'restart', restart: 'no' }, 'no', undefined],
  ])('accepts the keys of an earlier version: %j', (fields, restart, afterReboot) => {
    const text = JSON.stringify({ personality: 'bob', runtime: 'claude', ...fields })
    expect(parseProfile(text, 'p')).toMatchObject({ restart, ...(afterReboot && { afterReboot }) })
  })

  it.each([
    [{ default_runtime: 'claude', runtime: 'codex' }, 'claude', ['claude']],
    [{ runtime: 'codex' }, 'codex', ['codex']],
    [{ runtimes: ['codex', 'claude'] }, 'codex', ['codex', 'claude']],
    [{ default_runtime: 'claude', runtimes: ['codex', 'codex'] }, 'claude', ['claude', 'codex']],
  ])('of %j returns the default runtime %s', (fields, runtime, runtimes) => {
    expect(parseProfile(JSON.stringify({ personality: 'bob', ...fields }), 'p')).toMatchObject({
      defaultRuntime: runtime,
      runtimes,
      intelligence: 'artificial',
    })
  })

  it.each([
    ['{', 'corrupt-profile', 'JSON'],
    ['', 'corrupt-profile', 'JSON'],
    ['[]', 'invalid-profile', 'not a JSON object'],
    ['{}', 'invalid-profile', 'personality'],
    ['{"personality":"bob"}', 'invalid-profile', 'default_runtime: is missing'],
    [
      '{"personality":"Bob","default_runtime":"claude"}',
      'invalid-profile',
      'personality: must be a lower-case letter',
    ],
    ['{"personality":"bob","default_runtime":"a-b"}', 'invalid-profile', 'default_runtime: must be'],
    [
      '{"personality":"bob","runtime":"claude","permissions":"all"}',
      'invalid-profile',
      'permissions: must be ask, own, skip',
    ],
    [
      '{"personality":"bob","runtime":"claude","wake_policy":"never"}',
      'invalid-profile',
      'ephemeral or keep-alive',
    ],
    [
      '{"personality":"bob","runtime":"claude","restart":"restart"}',
      'invalid-profile',
      'restart: must be no, on-failure, always, resume',
    ],
    [
      '{"personality":"bob","runtime":"claude","after_death":"die"}',
      'invalid-profile',
      'after_death: must be',
    ],
    ['{"personality":"bob","runtime":"claude","idle_secs":-1}', 'invalid-profile', 'not below 0'],
    ['{"personality":"bob","runtime":"claude","cwd":"work"}', 'invalid-profile', 'an absolute path'],
    ['{"personality":"bob","runtime":"command","command":[]}', 'invalid-profile', 'command: must be'],
    ['{"personality":"bob","runtime":"command","command":"ls"}', 'invalid-profile', 'a list of texts'],
    [
      '{"personality":"bob","runtime":"claude","intelligence":"alien"}',
      'invalid-profile',
      'natural, artificial or absent',
    ],
    [
      `{"personality":"bob","runtime":"claude","description":"${'x'.repeat(451)}"}`,
      'invalid-profile',
      'at most 450',
    ],
  ])('of %s fails with the problem, the path and a hint', (text, code, why) => {
    expect(() => parseProfile(text, '/h/peer-profile.json')).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(new RegExp(`^/h/peer-profile\\.json .*${why}`)),
        hint: expect.any(String),
      }),
    )
  })

  it('of any bytes returns a profile or one of these two errors', () => {
    const json = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .record({
          personality: fc.constant('bob'),
          runtime: fc.constant('claude'),
          cwd: fc.anything(),
          command: fc.anything(),
        })
        .map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(json, (text) => {
        try {
          expect(parseProfile(text, 'p').personality).toBe('bob')
        } catch (error) {
          expect(['corrupt-profile', 'invalid-profile']).toContain((error as { code?: string }).code)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('writing a profile', () => {
  it('creates a file 0600 in a directory 0700, and never overwrites another profile', async () => {
    const home = directory()
    await createProfile(home, { personality: bob, defaultRuntime: claude, description: 'Builds.' })
    expect(await readProfile(home)).toMatchObject({ personality: 'bob', description: 'Builds.' })
    expect(statSync(profilePath(home)).mode & 0o777).toBe(0o600)
    expect(statSync(join(home, '.iapeer')).mode & 0o777).toBe(0o700)
    await expect(createProfile(home, { personality: bob, defaultRuntime: codex })).rejects.toMatchObject({
      code: 'home-has-profile',
    })
    expect((await readProfile(home))?.defaultRuntime).toBe('claude')
  })

  it('keeps everything else byte for byte: numbers, order, formatting, sections of other programs', async () => {
    const text = `{
    "x-id": 12345678901234567890,   "__proto__": {"a": 1},
    "personality" : "bob", "runtime": "claude",
    "telegram": { "deep": [1.50, {"b": null}] },
    "intelligence": "human",
    "description": "old"
}
`
    const home = homeWith(text)
    chmodSync(profilePath(home), 0o640)
    await updateProfile(home, { description: 'new "text"\n' })
    expect(textOf(home)).toBe(text.replace('"old"', JSON.stringify('new "text"\n')))
    expect(statSync(profilePath(home)).mode & 0o777).toBe(0o640)
    await updateProfile(home, { intelligence: 'natural', description: 'new "text"\n' })
    expect(textOf(home)).toContain('"human"')
    expect(readdirSync(join(home, '.iapeer'))).toEqual(['peer-profile.json'])
  })

  it.each([
    [
      '{"personality":"bob","runtime":"claude","x":{"a":[1,{"b":1.0}]}}',
      '{"personality":"bob","runtime":"claude","x":{"a":[1,{"b":1.0}]},"idle_secs":5}',
    ],
    [
      '{\r\n\t"personality": "bob",\r\n\t"runtime": "claude"\r\n}\r\n',
      '{\r\n\t"personality": "bob",\r\n\t"runtime": "claude",\r\n\t"idle_secs": 5\r\n}\r\n',
    ],
  ])('adds a field in the formatting of the file: %#', async (before, after) => {
    const home = homeWith(before)
    await updateProfile(home, { idleSecs: 5 })
    expect(textOf(home)).toBe(after)
  })

  it('does not overwrite bytes that are not UTF-8', async () => {
    const home = homeWith('')
    const bytes = Buffer.from('{"personality":"bob","runtime":"claude","x":"caf\xe9"}', 'latin1')
    writeFileSync(profilePath(home), bytes)
    await expect(updateProfile(home, { idleSecs: 5 })).rejects.toMatchObject({ code: 'corrupt-profile' })
    expect(readFileSync(profilePath(home))).toEqual(bytes)
  })

  it('refuses a file with two lists of runtimes', async () => {
    const home = homeWith('{"personality":"bob","runtimes":["codex"],"runtimes":["claude"]}')
    await expect(updateProfile(home, { runtimes: [claude, toRuntime('web')] })).rejects.toMatchObject({
      code: 'invalid-profile',
    })
  })

  it('does not change the mode of another directory through a link', async () => {
    const [home, shared] = [directory(), directory()]
    chmodSync(shared, 0o755)
    symlinkSync(shared, join(home, '.iapeer'))
    await expect(createProfile(home, { personality: bob, defaultRuntime: claude })).rejects.toMatchObject({
      code: 'outside-root',
    })
    expect(statSync(shared).mode & 0o777).toBe(0o755)
  })

  it.each([
    ['on-failure', '"restart":"on-failure"'],
    [null, undefined],
  ] as const)('replaces a key of an earlier version with the present one (%s)', async (restart, written) => {
    const home = homeWith('{"personality":"bob","runtime":"claude","after_death":"resume","x":1}')
    const { profile } = await updateProfile(home, { restart })
    expect(profile.restart).toBe(restart ?? undefined)
    const text = readFileSync(profilePath(home), 'utf8')
    expect(text).not.toContain('after_death')
    expect(text).toContain('"x":1')
    if (written !== undefined) expect(text).toContain(written)
  })

  it('keeps unknown fields in any change', async () => {
    const changes: fc.Arbitrary<ProfileChanges> = fc.record(
      {
        description: fc.string({ unit: 'binary', maxLength: 400 }),
        idleSecs: fc.option(fc.nat()),
        initialPrompt: fc.option(fc.string().filter((one) => !one.includes('\0'))),
        runtimes: fc.constantFrom([claude], [codex, claude]),
        restart: fc.constantFrom('on-failure' as const, null),
        command: fc.option(
          fc
            .array(
              fc.string().filter((one) => !one.includes('\0')),
              { minLength: 1 },
            )
            .filter(([one]) => one !== ''),
        ),
      },
      { requiredKeys: [] },
    )
    const unknown = fc.dictionary(
      fc.string({ unit: 'binary' }).map((key) => `x${key}`),
      fc.jsonValue(),
      { noNullPrototype: true },
    )
    await fc.assert(
      fc.asyncProperty(unknown, fc.array(changes, { maxLength: 3 }), async (others, steps) => {
        const home = homeWith(JSON.stringify({ ...others, personality: 'bob', runtime: 'claude' }))
        for (const step of steps) {
          const { profile, kept } = await updateProfile(home, step)
          const { description = profile.description } = step
          expect(profile.description).toBe(kept.includes('description') ? profile.description : description)
        }
        const now: unknown = JSON.parse(textOf(home))
        expect(now).toMatchObject(JSON.parse(JSON.stringify(others)))
      }),
      { numRuns: 60 },
    )
  })

  it('lowers the intelligence and empties the description only with a permit', async () => {
    const home = homeWith('{"personality":"bob","runtime":"telegram","description":"Ann"}')
    const kept = await updateProfile(home, { intelligence: 'artificial', description: ' ', idleSecs: 5 })
    expect(kept).toMatchObject({
      kept: ['intelligence', 'description'],
      profile: { intelligence: 'natural', description: 'Ann', idleSecs: 5 },
    })
    const asked = await updateProfile(
      home,
      { intelligence: 'absent', description: '' },
      { lowerIntelligence: true, emptyDescription: true },
    )
    expect(asked).toMatchObject({ kept: [], profile: { intelligence: 'absent', description: '' } })
    expect((await updateProfile(home, { intelligence: 'natural' })).profile.intelligence).toBe('natural')
  })

  it('states the intelligence that followed from the runtime if another runtime would lower it', async () => {
    const home = homeWith('{"personality":"ann","runtime":"telegram"}')
    const { profile } = await updateProfile(home, ({ runtimes }) => ({
      defaultRuntime: claude,
      runtimes: [claude, ...runtimes],
    }))
    expect(profile).toMatchObject({
      defaultRuntime: 'claude',
      runtimes: ['claude', 'telegram'],
      intelligence: 'natural',
    })
    expect(JSON.parse(textOf(home))).toMatchObject({ intelligence: 'natural', runtime: 'telegram' })
  })

  it('removes an optional field that is set to null', async () => {
    const home = homeWith('{"personality":"bob","runtime":"claude","cwd":"/w","command":["a"]}')
    expect((await updateProfile(home, { cwd: null, command: null })).profile).toMatchObject({
      cwd: undefined,
      command: undefined,
    })
    expect(JSON.parse(textOf(home))).toEqual({ personality: 'bob', runtime: 'claude' })
  })

  it.each([
    ['{"personality":', 'corrupt-profile'],
    ['{"personality":"bob"}', 'invalid-profile'],
    ['{"personality":"bob","runtime":"claude","idle_secs":1,"idle_secs":2}', 'invalid-profile'],
  ])('leaves %s as it is', async (text, code) => {
    const home = homeWith(text)
    await expect(updateProfile(home, { idleSecs: 9 })).rejects.toMatchObject({ code })
    expect(textOf(home)).toBe(text)
  })

  it('refuses a change that would make the profile invalid', async () => {
    const home = homeWith('{"personality":"bob","runtime":"claude"}')
    const before = textOf(home)
    await expect(updateProfile(home, { description: 'x'.repeat(451) })).rejects.toMatchObject({
      code: 'invalid-profile',
    })
    await expect(updateProfile(home, { cwd: 'relative' })).rejects.toMatchObject({ code: 'invalid-profile' })
    expect(textOf(home)).toBe(before)
    await expect(updateProfile(directory(), {})).rejects.toMatchObject({ code: 'no-profile' })
  })

  it('does not follow a link that leads out of the home', async () => {
    const [home, elsewhere] = [directory(), directory()]
    writeFileSync(join(elsewhere, 'p.json'), '{"personality":"bob","runtime":"claude"}')
    mkdirSync(join(home, '.iapeer'))
    symlinkSync(join(elsewhere, 'p.json'), profilePath(home))
    await expect(updateProfile(home, { idleSecs: 1 })).rejects.toMatchObject({ code: 'outside-root' })
    expect(readFileSync(join(elsewhere, 'p.json'), 'utf8')).toBe('{"personality":"bob","runtime":"claude"}')
  })
})

describe('the identity of this process', () => {
  const profile = '{"personality":"bob","default_runtime":"claude","runtimes":["claude","codex"]}'

  it.each([
    [{ PEER_IDENTITY: 'codex-ann' }, 'codex-ann'],
    [{}, 'claude-bob'],
    [{ PEER_RUNTIME: 'codex', CLAUDECODE: '1' }, 'codex-bob'],
    [{ CODEX_THREAD_ID: 'x', CLAUDECODE: '1' }, 'codex-bob'],
    [{ CLAUDECODE: '1' }, 'claude-bob'],
    [{ CLAUDECODE: '0' }, 'claude-bob'],
  ])('with %j is %s', async (env, identity) => {
    const cwd = sub(homeWith(profile), 'src', 'deep')
    expect(await currentIdentity(env, cwd)).toMatchObject({ identity })
  })

  it('follows from PEER_HOME, also in another working directory', async () => {
    const home = homeWith(profile)
    expect(await currentIdentity({ PEER_HOME: home }, directory())).toMatchObject({
      identity: 'claude-bob',
      home,
    })
    expect(await currentIdentity({ PEER_HOME: directory() }, home)).toBeUndefined()
  })

  it('is undefined without a variable and a profile', async () => {
    expect(await currentIdentity({ CLAUDECODE: '1' }, directory())).toBeUndefined()
  })

  it.each([{ PEER_IDENTITY: 'bob' }, { PEER_RUNTIME: 'a-b' }])(
    'is not guessed from the invalid %j',
    async (env) => {
      await expect(currentIdentity(env, homeWith(profile))).rejects.toMatchObject({
        code: 'invalid-identity',
      })
    },
  )
})
