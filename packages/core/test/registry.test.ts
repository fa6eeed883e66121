import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  createPeer,
  findPeer,
  listPeers,
  type NewPeer,
  type PeerEntry,
  profilePath,
  readProfile,
  removePeer,
  renamePeer,
  repairRegistry,
  toPersonality,
  toRuntime,
  updatePeer,
  upsertPeer,
  verifyRegistry,
} from '../src/index.ts'
import { directories, sub } from './support.ts'

const { directory } = directories()
const NOW = new Date('2026-06-10T15:42:07.113Z')
const claude = toRuntime('claude')
const rootOf = (): string => join(directory(), 'root')
const registryOf = (root: string): string => join(root, 'peers-profiles.json')
const names = async (root: string): Promise<string[]> =>
  (await listPeers(root)).map((entry) => entry.personality)

const create = (root: string, name: string, more: Partial<NewPeer> = {}): Promise<PeerEntry> =>
  createPeer(root, { personality: toPersonality(name), defaultRuntime: claude, ...more })

function writeProfile(home: string, fields: object): void {
  mkdirSync(join(home, '.iapeer'), { recursive: true })
  writeFileSync(profilePath(home), JSON.stringify(fields))
}

describe('a peer', () => {
  it('is created with its home and profile, found, and listed by name', async () => {
    const root = rootOf()
    expect(await listPeers(root)).toEqual([])
    await create(root, 'bob', { description: 'Builds.' })
    const ann = await create(root, 'ann', { runtimes: [claude, toRuntime('codex')] })
    expect(ann).toEqual({
      personality: 'ann',
      defaultRuntime: 'claude',
      runtimes: ['claude', 'codex'],
      description: '',
      intelligence: 'artificial',
      home: join(root, 'peers', 'ann'),
      cwd: join(root, 'peers', 'ann'),
      interfaces: {},
    })
    expect(await names(root)).toEqual(['ann', 'bob'])
    expect(await findPeer(root, 'bob')).toMatchObject({ description: 'Builds.' })
    expect(await findPeer(root, 'carl')).toBeUndefined()
    expect(JSON.parse(readFileSync(registryOf(root), 'utf8'))).toMatchObject({
      version: 2,
      peers: [{ personality: 'ann', default_runtime: 'claude', runtimes: ['claude', 'codex'] }, {}],
    })
    expect(await verifyRegistry(root)).toEqual([])
  })

  it('can share its working directory, but not its home or its name', async () => {
    const root = rootOf()
    const [repo, home] = [directory(), directory()]
    await create(root, 'bob', { home, cwd: repo })
    expect((await create(root, 'ann', { cwd: repo })).cwd).toBe(repo)
    await expect(create(root, 'bob', { home: directory() })).rejects.toMatchObject({
      code: 'name-taken',
      message: expect.stringContaining(home),
    })
    symlinkSync(home, join(repo, 'link'))
    await expect(create(root, 'carl', { home: join(repo, 'link') })).rejects.toMatchObject({
      code: 'home-occupied',
      message: expect.stringContaining('bob'),
    })
    expect(await names(root)).toEqual(['ann', 'bob'])
  })

  it('that is refused leaves no directory behind', async () => {
    const root = rootOf()
    await expect(create(root, 'bob', { description: 'x'.repeat(451) })).rejects.toMatchObject({
      code: 'invalid-options',
    })
    expect(readdirSync(join(root, 'peers'))).toEqual([])
    const home = directory()
    writeProfile(home, { personality: 'ann', runtime: 'claude' })
    await expect(create(root, 'bob', { home })).rejects.toMatchObject({ code: 'home-has-profile' })
    expect((await readProfile(home))?.personality).toBe('ann')
  })

  it.each(['root', 'state', 'parent'])(
    'cannot have a home where iapeer keeps its own files: %s',
    async (where) => {
      const parent = directory()
      const root = join(parent, '.iapeer')
      const home = { root, state: join(root, 'state'), parent }[where] ?? ''
      await expect(create(root, 'bob', { home })).rejects.toMatchObject({ code: 'unusable-home' })
    },
  )

  it('with a profile is registered under its present name, also repeatedly', async () => {
    const root = rootOf()
    const home = directory()
    await expect(upsertPeer(root, home)).rejects.toMatchObject({ code: 'no-profile' })
    writeProfile(home, { personality: 'bob', runtime: 'telegram' })
    expect(await upsertPeer(root, home)).toMatchObject({ personality: 'bob', intelligence: 'natural' })
    await upsertPeer(root, home)
    writeProfile(home, { personality: 'rob', runtime: 'telegram' })
    await upsertPeer(root, home)
    expect(await names(root)).toEqual(['rob'])
    await create(root, 'ann')
    writeProfile(home, { personality: 'ann', runtime: 'telegram' })
    await expect(upsertPeer(root, home)).rejects.toMatchObject({ code: 'name-taken' })
    expect(await names(root)).toEqual(['ann', 'rob'])
  })

  it('is changed in its profile and in the registry', async () => {
    const root = rootOf()
    await create(root, 'bob')
    await updatePeer(root, 'bob', { description: 'Tests.', idleSecs: 60 })
    expect(await findPeer(root, 'bob')).toMatchObject({ description: 'Tests.' })
    await expect(updatePeer(root, 'ann', {})).rejects.toMatchObject({ code: 'no-such-peer' })
  })

  it('is removed; its files stay, and its profile is renamed', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    writeFileSync(join(home, 'work.txt'), 'mine')
    const { keptProfile } = await removePeer(root, 'bob', NOW)
    expect(keptProfile).toBe(join(home, '.iapeer', 'peer-profile.removed-2026-06-10T154207113Z.json'))
    expect(readdirSync(home).sort()).toEqual(['.iapeer', 'work.txt'])
    expect(await names(root)).toEqual([])
    expect(await verifyRegistry(root)).toEqual([])
    await expect(removePeer(root, 'bob', NOW)).rejects.toMatchObject({ code: 'no-such-peer' })
    await create(root, 'bob')
    expect(await names(root)).toEqual(['bob'])
  })

  it('is renamed; its home stays, and the old name is free', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob', { home: directory() })
    await create(root, 'ann')
    expect(await renamePeer(root, 'bob', toPersonality('rob'))).toMatchObject({ personality: 'rob', home })
    expect((await readProfile(home))?.personality).toBe('rob')
    await expect(renamePeer(root, 'rob', toPersonality('ann'))).rejects.toMatchObject({ code: 'name-taken' })
    await expect(renamePeer(root, 'bob', toPersonality('x'))).rejects.toMatchObject({ code: 'no-such-peer' })
    await create(root, 'bob')
    expect(await names(root)).toEqual(['ann', 'bob', 'rob'])
    expect(await verifyRegistry(root)).toEqual([])
  })
})

describe('a name', () => {
  it('that the root remembers for a home that is not mounted is not given to another peer', async () => {
    const root = rootOf()
    const away = directory()
    await create(root, 'bob', { home: join(away, 'disk') })
    await create(root, 'ann')
    renameSync(join(away, 'disk'), join(away, 'unmounted'))
    writeFileSync(registryOf(root), '')
    await repairRegistry(root, NOW)
    const refused = { code: 'name-remembered', message: expect.stringContaining(join(away, 'disk')) }
    await expect(create(root, 'bob')).rejects.toMatchObject(refused)
    await expect(renamePeer(root, 'ann', toPersonality('bob'))).rejects.toMatchObject(refused)
    expect(existsSync(join(root, 'peers', 'bob'))).toBe(false)
    expect(await removePeer(root, 'bob', NOW)).toMatchObject({ personality: 'bob', home: join(away, 'disk') })
    await create(root, 'bob')
    expect(await verifyRegistry(root)).toEqual([])
  })

  it('that two entries have is an error, and no command guesses which peer is meant', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    const { version, peers } = JSON.parse(readFileSync(registryOf(root), 'utf8'))
    const twin = { ...peers[0], home: '/nowhere/at/all' }
    writeFileSync(registryOf(root), JSON.stringify({ version, peers: [...peers, twin] }))
    const { left } = await repairRegistry(root, NOW)
    expect(left.map((one) => [one.kind, one.home])).toEqual(
      expect.arrayContaining([
        ['name-taken', home],
        ['name-taken', '/nowhere/at/all'],
      ]),
    )
    expect(await names(root)).toEqual(['bob', 'bob'])
    await expect(removePeer(root, 'bob', NOW)).rejects.toMatchObject({ code: 'name-ambiguous' })
    expect((await readProfile(home))?.personality).toBe('bob')
  })

  it('that profiles exchange in a ring or a chain is taken from no other peer, and no peer is lost', async () => {
    const root = rootOf()
    for (const name of ['alice', 'bob', 'carol']) await create(root, name)
    const home = (name: string): string => join(root, 'peers', name)
    writeProfile(home('alice'), { personality: 'bob', runtime: 'claude' })
    writeProfile(home('bob'), { personality: 'carol', runtime: 'claude' })
    const { left } = await repairRegistry(root, NOW)
    expect(left.map((one) => one.kind)).toEqual(['name-taken', 'name-taken'])
    expect((await listPeers(root)).map((peer) => [peer.personality, peer.home])).toEqual([
      ['alice', home('alice')],
      ['bob', home('bob')],
      ['carol', home('carol')],
    ])
    writeProfile(home('carol'), { personality: 'alice', runtime: 'claude' })
    expect((await repairRegistry(root, NOW)).left).toEqual([])
    expect((await listPeers(root)).map((peer) => [peer.personality, peer.home])).toEqual([
      ['alice', home('carol')],
      ['bob', home('alice')],
      ['carol', home('bob')],
    ])
    expect(await verifyRegistry(root)).toEqual([])
  })
})

describe('the file of the registry', () => {
  it('of an older version is read; its cwd is the home', async () => {
    const root = rootOf()
    mkdirSync(root)
    const peers = [{ personality: 'bob', runtime: 'claude', intelligence: 'human', cwd: '/h/bob' }]
    writeFileSync(registryOf(root), JSON.stringify({ peers }))
    expect(await listPeers(root)).toMatchObject([
      { personality: 'bob', home: '/h/bob', cwd: '/h/bob', intelligence: 'natural', runtimes: ['claude'] },
    ])
  })

  it('of a newer version is read, with the known fields only, and never written', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    const text = readFileSync(registryOf(root), 'utf8').replace('"version": 2', '"version": 3, "more": 1')
    writeFileSync(registryOf(root), text)
    expect(await listPeers(root)).toMatchObject([{ personality: 'bob', home }])
    const newer = { code: 'registry-newer', hint: expect.stringContaining('Update iapeer') }
    await expect(create(root, 'ann')).rejects.toMatchObject(newer)
    await expect(removePeer(root, 'bob', NOW)).rejects.toMatchObject(newer)
    await expect(repairRegistry(root, NOW)).rejects.toMatchObject(newer)
    expect(await verifyRegistry(root)).toMatchObject([{ kind: 'registry-newer', fixable: false }])
    expect(readFileSync(registryOf(root), 'utf8')).toBe(text)
    writeFileSync(registryOf(root), '{"version":3,"peers":{"bob":{}}}')
    await expect(listPeers(root)).rejects.toMatchObject(newer)
    await expect(repairRegistry(root, NOW)).rejects.toMatchObject(newer)
  })

  it.each([
    ['{"version":2,"peers":[', 'JSON'],
    ['', 'it is empty'],
    ['[]', 'not a JSON object'],
    ['{"version":2}', 'peers must be a list'],
    ['{"version":"2","peers":[]}', 'version'],
    ['{"version":2,"peers":[{"personality":"Bob"}]}', 'peers\\[0\\]: personality must be'],
    [
      '{"version":2,"peers":[{"personality":"bob","runtime":"claude","home":"x"}]}',
      'peers\\[0\\]: home must be an absolute path',
    ],
    ['{"version":2,"peers":[null]}', 'peers\\[0\\]'],
  ])(
    'that is corrupt (%s) is an error with a hint; a repair rebuilds it and keeps a copy',
    async (text, why) => {
      const root = rootOf()
      const away = directory()
      await create(root, 'bob', { home: away, description: 'Far away.' })
      await create(root, 'ann')
      const before = await listPeers(root)
      writeFileSync(registryOf(root), text)
      const refused = {
        code: 'registry-corrupt',
        message: expect.stringMatching(new RegExp(why)),
        hint: expect.stringContaining('verify --fix'),
      }
      await expect(listPeers(root)).rejects.toMatchObject(refused)
      await expect(create(root, 'carl')).rejects.toMatchObject(refused)
      expect(readFileSync(registryOf(root), 'utf8')).toBe(text)
      expect((await verifyRegistry(root)).map((one) => one.kind)).toEqual([
        'registry-corrupt',
        'unregistered',
        'unregistered',
      ])
      const { keptCopy, left } = await repairRegistry(root, NOW)
      expect(left).toEqual([])
      expect(readFileSync(keptCopy ?? '', 'utf8')).toBe(text)
      expect(keptCopy).toBe(`${registryOf(root)}.corrupt-2026-06-10T154207113Z`)
      expect(await listPeers(root)).toEqual(before)
      expect(await verifyRegistry(root)).toEqual([])
    },
  )

  it('that is corrupt is searched for homes that have no link', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob', { home: directory() })
    rmSync(join(root, 'state'), { recursive: true })
    const text = readFileSync(registryOf(root), 'utf8')
    writeFileSync(registryOf(root), text.slice(0, text.lastIndexOf('"cwd"')))
    await repairRegistry(root, NOW)
    expect(await listPeers(root)).toMatchObject([{ personality: 'bob', home }])
  })

  it('that is missing although there are peers is an error, and is not created again', async () => {
    const root = rootOf()
    await create(root, 'bob')
    rmSync(registryOf(root))
    await expect(listPeers(root)).rejects.toMatchObject({ code: 'registry-lost' })
    await expect(create(root, 'ann')).rejects.toMatchObject({ code: 'registry-lost' })
    expect(await verifyRegistry(root)).toMatchObject([{ kind: 'registry-missing' }, { kind: 'unregistered' }])
    await repairRegistry(root, NOW)
    expect(await names(root)).toEqual(['bob'])
  })

  it('that is missing is created again by verify --fix, also without any peer', async () => {
    const root = rootOf()
    await create(root, 'bob')
    await removePeer(root, 'bob', NOW)
    rmSync(registryOf(root))
    expect((await repairRegistry(root, NOW)).left).toEqual([])
    expect(await names(root)).toEqual([])
    const elsewhere = await create(root, 'ann', { home: directory() })
    rmSync(registryOf(root))
    rmSync(join(root, 'peers'), { recursive: true })
    await expect(create(root, 'ann')).rejects.toMatchObject({ code: 'registry-lost' })
    await repairRegistry(root, NOW)
    expect(await listPeers(root)).toEqual([elsewhere])
  })

  it.each(['directory', 'pipe', 'loop'])(
    'that is not a file (%s) is an error without a wait',
    async (kind) => {
      const root = rootOf()
      mkdirSync(root)
      if (kind === 'directory') mkdirSync(registryOf(root))
      else if (kind === 'loop') symlinkSync('peers-profiles.json', registryOf(root))
      else expect((await run('mkfifo', [registryOf(root)])).exitCode).toBe(0)
      await expect(listPeers(root)).rejects.toMatchObject({
        code: 'unusable-file',
        message: expect.stringContaining(registryOf(root)),
      })
      await expect(create(root, 'bob')).rejects.toMatchObject({ code: 'unusable-file' })
    },
  )

  it('that is a link inside the root stays a link when it is repaired', async () => {
    const root = rootOf()
    await create(root, 'bob')
    renameSync(registryOf(root), join(root, 'real.json'))
    symlinkSync('real.json', registryOf(root))
    writeFileSync(join(root, 'real.json'), 'garbage')
    const { keptCopy } = await repairRegistry(root, NOW)
    expect(readFileSync(keptCopy ?? '', 'utf8')).toBe('garbage')
    expect(await names(root)).toEqual(['bob'])
  })

  it('is refused if it is a link that leads out of the root', async () => {
    const root = rootOf()
    await create(root, 'bob')
    const elsewhere = join(directory(), 'r.json')
    renameSync(registryOf(root), elsewhere)
    symlinkSync(elsewhere, registryOf(root))
    await expect(create(root, 'ann')).rejects.toMatchObject({ code: 'outside-root' })
    expect(await names(root)).toEqual(['bob'])
    expect(existsSync(join(root, 'peers', 'ann'))).toBe(false)
  })

  it.runIf(isFullCampaign())('is written only by the registry', () => {
    const sources = new URL('../../../', import.meta.url).pathname
    const writers: string[] = []
    for (const top of ['packages', 'apps'])
      for (const name of readdirSync(join(sources, top), { recursive: true, encoding: 'utf8' })) {
        if (!/^[^/]+\/src\/.*\.ts$/.test(name)) continue
        const text = readFileSync(join(sources, top, name), 'utf8')
        if (/peers-profiles|[Ll]ayout(?:\([^)]*\))?\.registry\b/.test(text)) writers.push(`${top}/${name}`)
      }
    expect(writers.sort()).toEqual([
      'packages/core/src/paths/root-layout.ts',
      'packages/core/src/registry/registry-file.ts',
      'packages/core/src/registry/verify.ts',
      'packages/core/src/storage/atomic-write.ts',
    ])
  })
})

describe('verify', () => {
  const kinds = async (root: string): Promise<string[]> => (await verifyRegistry(root)).map((one) => one.kind)

  it('reports each field that differs; the profile wins', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    writeProfile(home, { personality: 'rob', default_runtime: 'codex', description: 'New.' })
    const found = (await verifyRegistry(root)).filter((one) => one.kind === 'field-differs')
    expect(found.map((one) => one.detail.split(' ')[0]).sort()).toEqual(
      ['default_runtime', 'description', 'personality', 'runtimes'].sort(),
    )
    expect(found[0]).toMatchObject({ kind: 'field-differs', personality: 'bob', home, fixable: true })
    const { fixed, left } = await repairRegistry(root, NOW)
    expect([fixed.length, left]).toEqual([5, []])
    expect(await listPeers(root)).toMatchObject([
      { personality: 'rob', defaultRuntime: 'codex', description: 'New.' },
    ])
    expect(await kinds(root)).toEqual([])
    expect(readdirSync(join(root, 'state', 'homes'))).toEqual(['rob'])
  })

  it('reports a peer whose home does not exist while the registry is corrupt', async () => {
    const root = rootOf()
    const away = directory()
    await create(root, 'bob', { home: join(away, 'disk') })
    await create(root, 'ann')
    renameSync(join(away, 'disk'), join(away, 'unmounted'))
    writeFileSync(registryOf(root), '')
    const { left } = await repairRegistry(root, NOW)
    expect(left).toMatchObject([{ kind: 'home-missing', personality: 'bob', home: join(away, 'disk') }])
    renameSync(join(away, 'unmounted'), join(away, 'disk'))
    await repairRegistry(root, NOW)
    expect(await names(root)).toEqual(['ann', 'bob'])
  })

  it('keeps the entry of a peer whose home does not exist or cannot be read', async () => {
    const root = rootOf()
    const away = directory()
    await create(root, 'bob', { home: join(away, 'disk') })
    const { home } = await create(root, 'ann')
    renameSync(join(away, 'disk'), join(away, 'unmounted'))
    writeFileSync(profilePath(home), '{')
    const { fixed, left } = await repairRegistry(root, NOW)
    expect(fixed).toEqual([])
    expect(left).toMatchObject([
      {
        kind: 'profile-unreadable',
        personality: 'ann',
        detail: expect.stringContaining('peer-profile.json'),
      },
      { kind: 'home-missing', personality: 'bob', detail: expect.stringContaining('iapeer remove bob') },
    ])
    expect(await names(root)).toEqual(['ann', 'bob'])
  })

  it('restores a deleted profile from its entry', async () => {
    const root = rootOf()
    const repo = directory()
    const { home } = await create(root, 'bob', { cwd: repo, description: 'Builds.', runtimes: [claude] })
    rmSync(profilePath(home))
    expect(await kinds(root)).toEqual(['profile-missing'])
    await repairRegistry(root, NOW)
    expect(await readProfile(home)).toMatchObject({ personality: 'bob', cwd: repo, description: 'Builds.' })
    expect(await kinds(root)).toEqual([])
  })

  it('is not prevented by one unusual home: a pipe, a file, no directory at all, deeply nested text', async () => {
    const root = rootOf()
    for (const name of ['pipe', 'deep', 'file', 'long', 'fine']) await create(root, name)
    const profile = (name: string): string => profilePath(join(root, 'peers', name))
    rmSync(profile('pipe'))
    expect((await run('mkfifo', [profile('pipe')])).exitCode).toBe(0)
    writeFileSync(
      profile('deep'),
      `{"personality":"deep","runtime":"claude","interfaces":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_001)}`,
    )
    rmSync(join(root, 'peers', 'file'), { recursive: true })
    writeFileSync(join(root, 'peers', 'file'), '')
    const { version, peers } = JSON.parse(readFileSync(registryOf(root), 'utf8'))
    peers.find((peer: { personality: string }) => peer.personality === 'long').home = `/${'x'.repeat(300)}`
    writeFileSync(registryOf(root), JSON.stringify({ version, peers }))
    writeProfile(join(root, 'peers', 'fine'), { personality: 'fine', runtime: 'codex' })
    const { left } = await repairRegistry(root, NOW)
    expect(left.map((one) => `${one.kind} ${one.personality}`).sort()).toEqual(
      expect.arrayContaining(['home-missing file', 'profile-unreadable pipe', 'home-missing long']),
    )
    expect((await findPeer(root, 'fine'))?.defaultRuntime).toBe('codex')
    expect(await names(root)).toHaveLength(5)
  })

  it('prints no secret of an interface', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    const interfaces = { telegram: { token: 'SECRET123' } }
    writeProfile(home, { personality: 'bob', runtime: 'claude', interfaces })
    const [found] = await verifyRegistry(root)
    expect(found?.detail).toBe('interfaces is {} in the registry, {telegram} in the profile')
    await repairRegistry(root, NOW)
    rmSync(profilePath(home))
    await repairRegistry(root, NOW)
    expect(await readProfile(home)).toMatchObject({ interfaces })
    expect(await verifyRegistry(root)).toEqual([])
  })

  it('does not fill an empty directory at the path of a home, because its disk may not be mounted', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob', { home: directory() })
    rmSync(join(home, '.iapeer'), { recursive: true })
    expect((await repairRegistry(root, NOW)).left).toMatchObject([
      { kind: 'home-missing', personality: 'bob' },
    ])
    expect(readdirSync(home)).toEqual([])
  })

  it('does not remove a peer because of an earlier removal in the same home', async () => {
    const root = rootOf()
    const home = directory()
    await create(root, 'bob', { home })
    await removePeer(root, 'bob', NOW)
    await create(root, 'bob', { home, description: 'precious' })
    rmSync(profilePath(home))
    await repairRegistry(root, NOW)
    expect(await readProfile(home)).toMatchObject({ description: 'precious' })
  })

  it('finishes a removal that was cut off', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    renameSync(profilePath(home), join(home, '.iapeer', 'peer-profile.removed-x.json'))
    expect(await kinds(root)).toEqual(['profile-retired'])
    await repairRegistry(root, NOW)
    expect(await names(root)).toEqual([])
    expect(await kinds(root)).toEqual([])
  })

  it('does not resolve a name that two profiles have', async () => {
    const root = rootOf()
    await create(root, 'ann')
    const { home } = await create(root, 'bob')
    writeProfile(home, { personality: 'ann', runtime: 'claude' })
    const third = sub(root, 'peers', 'third')
    writeProfile(third, { personality: 'ann', runtime: 'claude' })
    const { left } = await repairRegistry(root, NOW)
    expect(left).toMatchObject([
      { kind: 'name-taken', home },
      { kind: 'name-taken', home: third },
    ])
    expect(await names(root)).toEqual(['ann', 'bob'])
  })

  it('keeps the first of two entries of a home, and restores a lost link', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    const { version, peers } = JSON.parse(readFileSync(registryOf(root), 'utf8'))
    writeFileSync(
      registryOf(root),
      JSON.stringify({ version, peers: [...peers, { ...peers[0], personality: 'twin' }] }),
    )
    rmSync(join(root, 'state', 'homes', 'bob'))
    expect((await kinds(root)).sort()).toEqual(['home-shared', 'link-missing'])
    await repairRegistry(root, NOW)
    expect(await listPeers(root)).toMatchObject([{ personality: 'bob', home }])
    expect(await kinds(root)).toEqual([])
  })

  it('changes nothing without --fix', async () => {
    const root = rootOf()
    const { home } = await create(root, 'bob')
    writeProfile(home, { personality: 'rob', runtime: 'claude' })
    const before = readFileSync(registryOf(root), 'utf8')
    chmodSync(join(root, 'peers'), 0o750)
    await verifyRegistry(root)
    expect(readFileSync(registryOf(root), 'utf8')).toBe(before)
    expect(await verifyRegistry(join(root, 'nowhere'))).toEqual([])
    expect(existsSync(join(root, 'nowhere'))).toBe(false)
  })
})
