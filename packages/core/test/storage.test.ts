import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  makeUserDirectory,
  namesIn,
  rootLayout,
  scaffoldRoot,
  sweepTemporaries,
  writeFileAtomic,
  writeFileNew,
} from '../src/index.ts'
import { directories, sub } from './support.ts'

const { directory } = directories()
const mode = (path: string): number => statSync(path).mode & 0o777

describe('a root', () => {
  it('is created with private directories, and can be created again', async () => {
    const layout = rootLayout(join(directory(), 'root'), {})
    await scaffoldRoot(layout)
    writeFileSync(join(layout.hooksDir, 'on-death'), 'x')
    chmodSync(layout.peersDir, 0o755)
    await scaffoldRoot(layout)
    for (const path of layout.directories) expect([path, mode(path)]).toEqual([path, 0o700])
    expect(readFileSync(join(layout.hooksDir, 'on-death'), 'utf8')).toBe('x')
    expect(readdirSync(layout.root).sort()).toEqual(
      ['hooks', 'lib', 'logs', 'peers', 'run', 'sessions', 'state'].sort(),
    )
  })

  it('keeps its sockets in IAPEER_SOCK_DIR', async () => {
    const parent = directory()
    const layout = rootLayout(join(parent, 'root'), { IAPEER_SOCK_DIR: join(parent, 's') })
    await scaffoldRoot(layout)
    expect(mode(join(parent, 's'))).toBe(0o700)
    expect(readdirSync(layout.root)).not.toContain('run')
  })

  it('is refused, and not changed, if it was chosen by the user and other users can write to it', async () => {
    const parent = directory()
    const shared = sub(parent, 'shared')
    chmodSync(shared, 0o1777)
    const problem = { code: 'directory-shared', hint: expect.stringContaining('chmod go-w') }
    await expect(scaffoldRoot(rootLayout(shared, {}))).rejects.toMatchObject(problem)
    const layout = rootLayout(join(parent, 'root'), { IAPEER_SOCK_DIR: shared })
    await expect(scaffoldRoot(layout)).rejects.toMatchObject(problem)
    expect(statSync(shared).mode & 0o7777).toBe(0o1777)
    chmodSync(shared, 0o755)
    await scaffoldRoot(rootLayout(shared, {}))
    expect(mode(shared)).toBe(0o755)
  })

  it.runIf(process.getuid?.() === 0)(
    'is refused, and nothing is made, in the home of another user',
    async () => {
      const home = sub(directory(), 'home')
      chownSync(home, 65_534, 65_534)
      await expect(scaffoldRoot(rootLayout(join(home, '.iapeer'), {}))).rejects.toMatchObject({
        code: 'directory-not-ours',
        message: expect.stringContaining(`${home}, which belongs to user 65534`),
      })
      await expect(makeUserDirectory(join(home, '.local', 'bin'))).rejects.toMatchObject({
        code: 'directory-not-ours',
      })
      expect(readdirSync(home)).toEqual([])
    },
  )

  it('is refused if a file has the path of one of its directories', async () => {
    const root = directory()
    writeFileSync(join(root, 'peers'), '')
    await expect(scaffoldRoot(rootLayout(root, {}))).rejects.toMatchObject({ code: 'not-a-directory' })
  })
})

it('a directory that other programs use too is not writable for others, whatever the umask is', async () => {
  const parent = directory()
  const before = process.umask(0)
  try {
    await makeUserDirectory(join(parent, '.local', 'bin'))
  } finally {
    process.umask(before)
  }
  expect([mode(join(parent, '.local')), mode(join(parent, '.local', 'bin'))]).toEqual([0o755, 0o755])
})

describe('the names in a directory', () => {
  it('are empty if it does not exist, and relative paths if they are recursive', async () => {
    const parent = directory()
    expect(await namesIn(join(parent, 'none'))).toEqual([])
    writeFileSync(join(sub(parent, 'a'), 'b'), '')
    expect(await namesIn(parent)).toEqual(['a'])
    expect((await namesIn(parent, { recursive: true })).sort()).toEqual(['a', join('a', 'b')])
  })

  it('are an error if it is not a directory, unless that is ignored', async () => {
    const file = join(directory(), 'f')
    writeFileSync(file, '')
    await expect(namesIn(file)).rejects.toMatchObject({ code: 'ENOTDIR' })
    expect(await namesIn(file, { ignoreMissingDirectory: true })).toEqual([])
    expect(await namesIn(join(file, 'below'), { ignoreMissingDirectory: true })).toEqual([])
  })
})

describe('a file that is replaced', () => {
  it('keeps its mode; a new one is 0600', async () => {
    const path = join(directory(), 'f')
    await writeFileAtomic(path, 'a')
    expect(mode(path)).toBe(0o600)
    chmodSync(path, 0o640)
    await writeFileAtomic(path, 'b')
    expect([mode(path), readFileSync(path, 'utf8')]).toEqual([0o640, 'b'])
  })

  it('behind a link inside the root is written at its real path, and the link stays', async () => {
    const root = directory()
    writeFileSync(join(sub(root, 'real'), 'f'), 'old')
    symlinkSync('real/f', join(root, 'f'))
    await writeFileAtomic(join(root, 'f'), 'new', { within: root })
    expect(readFileSync(join(root, 'real', 'f'), 'utf8')).toBe('new')
    expect(readlinkSync(join(root, 'f'))).toBe('real/f')
  })

  it('is not written if any part of its path is a link that leads out of the root', async () => {
    const [root, elsewhere] = [directory(), directory()]
    writeFileSync(join(elsewhere, 'f'), 'old')
    symlinkSync(elsewhere, join(root, 'out'))
    symlinkSync(join(elsewhere, 'f'), join(root, 'f'))
    symlinkSync('f', join(root, 'twice'))
    symlinkSync('round', join(root, 'round'))
    for (const name of ['out/f', 'out/new', 'f', 'twice', 'round', '../x']) {
      const refused = { code: 'outside-root', hint: expect.any(String) }
      await expect(writeFileAtomic(join(root, name), 'x', { within: root })).rejects.toMatchObject(refused)
      await expect(writeFileNew(join(root, name), 'x', { within: root })).rejects.toMatchObject(refused)
    }
    expect(readdirSync(elsewhere)).toEqual(['f'])
    expect(readFileSync(join(elsewhere, 'f'), 'utf8')).toBe('old')
  })

  it('is written in a root that is a link itself', async () => {
    const parent = directory()
    symlinkSync(sub(parent, 'real'), join(parent, 'root'))
    await writeFileAtomic(join(parent, 'root', 'f'), 'x', { within: join(parent, 'root') })
    expect(readFileSync(join(parent, 'real', 'f'), 'utf8')).toBe('x')
  })

  it('is never the registry, which only its own functions write', async () => {
    const path = join(directory(), 'peers-profiles.json')
    await expect(writeFileAtomic(path, '{}')).rejects.toMatchObject({ code: 'reserved-file' })
    await expect(writeFileNew(path, '{}')).rejects.toMatchObject({ code: 'reserved-file' })
  })

  it('has the temporary files of killed writers swept, but not that of a running one', async () => {
    const path = join(directory(), 'f')
    mkdirSync(path)
    for (const name of [
      'f.999999999.a1.tmp',
      `f.${process.pid}.a1.tmp`,
      'g.999999999.a1.tmp',
      'f.tmp',
      'f.x.a.tmp',
    ])
      writeFileSync(join(path, name), '')
    await sweepTemporaries(join(path, 'f'))
    expect(readdirSync(path).sort()).toEqual(
      ['f.tmp', 'f.x.a.tmp', `f.${process.pid}.a1.tmp`, 'g.999999999.a1.tmp'].sort(),
    )
  })
})
