import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { asyncCleanups, isFullCampaign, privateDirectory, run } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { launcherText } from '../src/commands/setup/launcher.ts'
import { MAIN } from './support.ts'

const track = asyncCleanups()

/** A private HOME; `iapeer` runs this program in it, `launcher` what `install` has written. */
function newHome(name = 'home') {
  const made = privateDirectory()
  track(made.remove)
  const home = join(made.path, name)
  mkdirSync(home)
  const bin = join(home, '.local', 'bin')
  const path = join(bin, 'iapeer')
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HOME: home,
    IAPEER_ROOT: join(home, 'root'),
    PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin`,
    SHELL: '/bin/bash',
    INIT_CWD: home,
    LC_ALL: 'C.UTF-8',
    NO_COLOR: '1',
  }
  const iapeer = (...args: string[]) => run(process.execPath, [MAIN, ...args], { env, cwd: home })
  const launcher = (...args: string[]) => run(path, args, { env, cwd: '/' })
  return { home, bin, path, env, iapeer, launcher }
}

describe.runIf(process.getuid?.() === 0)('a home of another user', () => {
  it('gets no root and no launcher, which its owner could not remove', async () => {
    const { home, env } = newHome()
    const as = (...args: string[]) =>
      run(process.execPath, [MAIN, ...args], { env: { ...env, IAPEER_ROOT: '' }, cwd: '/' })
    chownSync(home, 65_534, 65_534)
    for (const args of [['create', 'ann', '--', 'sleep', '1'], ['install'], ['daemon', 'start']]) {
      const done = await as(...args)
      expect([args, done.exitCode]).toEqual([args, 1])
      expect(done.stderr).toContain(`${home}, which belongs to user 65534, but this process runs as user 0`)
    }
    expect(readdirSync(home)).toEqual([])
  })

  it('that cannot be read is named by every command', async () => {
    const { home, env } = newHome()
    chmodSync(dirname(home), 0o755)
    chmodSync(home, 0o700)
    for (const args of [['list'], ['status'], ['doctor'], ['daemon', 'status'], ['install']]) {
      const words = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, MAIN, ...args]
      const done = await run('setpriv', words, { env: { ...env, IAPEER_ROOT: '' }, cwd: '/' })
      expect([args, done.exitCode]).toEqual([args, 1])
      expect(done.stderr).toContain(`${home}, which belongs to user 0, but this process runs as user 65534`)
    }
  })
})

describe('the man pages', () => {
  it('are linked, kept where another program made them, and removed', async () => {
    const { home, iapeer } = newHome()
    const directory = join(home, '.local', 'share', 'man', 'man1')
    const at = (name: string): string => join(directory, name)
    mkdirSync(directory, { recursive: true })
    writeFileSync(at('iapeer-send.1'), 'not of iapeer')
    symlinkSync('/nowhere/iapeer/apps/cli/dist/man/iapeer-list.1', at('iapeer-list.1'))
    symlinkSync('/nowhere/else/iapeer-stop.1', at('iapeer-stop.1'))
    symlinkSync(join(dirname(MAIN), 'man', 'iapeer-former.1'), at('iapeer-former.1'))
    expect((await iapeer('install')).exitCode).toBe(0)
    expect(readlinkSync(at('iapeer-list.1'))).toBe(join(dirname(MAIN), 'man', 'iapeer-list.1'))
    expect(readFileSync(at('iapeer.1'), 'utf8')).toContain('.TH')
    expect(readdirSync(directory)).not.toContain('iapeer-former.1')
    const removed = await iapeer('uninstall', '--stop-peers')
    expect(removed.stdout).toMatch(new RegExp(`removed \\d+ links to man pages in ${directory}\n`))
    expect(readdirSync(directory).sort()).toEqual(['iapeer-send.1', 'iapeer-stop.1'])
    expect(readFileSync(at('iapeer-send.1'), 'utf8')).toBe('not of iapeer')
  })
})

describe('iapeer install', () => {
  it('writes a launcher that runs in any directory, keeps exit codes and adds no output', async () => {
    const { path, iapeer, launcher, home } = newHome()
    expect(await iapeer('install')).toEqual({
      exitCode: 0,
      signal: undefined,
      stderr: '',
      stdout: `● iapeer is now a command: ${path}\n  iapeer uninstall removes it.\n  ~/.local/bin is on your PATH.\n  Its man pages are linked in ${join(home, '.local', 'share', 'man', 'man1')}: man iapeer\n`,
    })
    expect(statSync(path).mode & 0o777).toBe(0o755)
    expect(await launcher('version')).toMatchObject({
      exitCode: 0,
      stdout: `${manifest.version}\n`,
      stderr: '',
    })
    const [ours, direct] = [await launcher('start', 'eve'), await iapeer('start', 'eve')]
    expect(ours).toEqual(direct)
    expect(ours.exitCode).toBe(4)
    expect((await launcher('daemon', 'status')).exitCode).toBe(3)
    expect((await launcher('nonsense')).exitCode).toBe(2)
    expect((await iapeer('install')).stdout).toMatch(/^● iapeer is already a command: /)
    expect(existsSync(join(home, 'root'))).toBe(false)
  })

  it('passes every argument unchanged, from a path with spaces and quotes', async () => {
    const { home } = newHome(`it's a "home"`)
    const main = join(home, 'main.mjs')
    writeFileSync(main, 'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 77')
    const launcher = join(home, 'launcher')
    writeFileSync(launcher, launcherText(main, process.execPath), { mode: 0o755 })
    const words = ['a b', '', "it's", '$HOME', '*', '--', '-x']
    const done = await run(launcher, words)
    expect([JSON.parse(done.stdout), done.exitCode, done.stderr]).toEqual([words, 77, ''])
  })

  it('a signal that kills the program reaches the caller of the launcher', async () => {
    const { home } = newHome()
    const main = join(home, 'main.mjs')
    writeFileSync(main, `process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 10_000)`)
    const launcher = join(home, 'launcher')
    writeFileSync(launcher, launcherText(main, process.execPath), { mode: 0o755 })
    expect(await run(launcher, [])).toMatchObject({ signal: 'SIGTERM' })
  })

  it('the launcher uses node of the PATH after the one of the installation was removed', async () => {
    const { home } = newHome()
    const main = join(home, 'main.mjs')
    writeFileSync(main, 'console.log("ran")')
    const launcher = join(home, 'launcher')
    writeFileSync(launcher, launcherText(main, join(home, 'gone', 'node')), { mode: 0o755 })
    expect(await run(launcher, [])).toMatchObject({ exitCode: 0, stdout: 'ran\n' })
  })

  it('the launcher of a clone that was moved says what to do', async () => {
    const { home } = newHome()
    const launcher = join(home, 'launcher')
    writeFileSync(launcher, launcherText(join(home, 'gone.js'), process.execPath), { mode: 0o755 })
    expect(await run(launcher, [])).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: `iapeer: ${join(home, 'gone.js')} does not exist\n  Install iapeer again (npm install --global @iapeer/cli, or npm start -- --install in a clone), or remove ${launcher}.\n`,
    })
  })

  it.each([
    ['/bin/zsh', /echo 'export PATH=.*' >> ~\/\.zshrc/],
    ['/bin/bash', /echo 'export PATH=.*' >> ~\/\.bashrc/],
    ['/usr/bin/fish', /fish_add_path ~\/\.local\/bin/],
    ['/bin/dash', /echo 'export PATH=.*' >> ~\/\.profile/],
  ])('says how %s finds it if ~/.local/bin is not on the PATH', async (shell, advice) => {
    const { env, home } = newHome()
    const done = await run(process.execPath, [MAIN, 'install'], {
      env: { ...env, PATH: '/usr/bin:/bin', SHELL: shell },
      cwd: home,
    })
    expect(done.stdout).toContain('~/.local/bin is not on your PATH. Add it, then open a new terminal:')
    expect(done.stdout).toMatch(advice)
  })

  it('names another program of that name that comes first on the PATH', async () => {
    const { env, home } = newHome()
    const other = join(home, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'iapeer'), '', { mode: 0o755 })
    const done = await run(process.execPath, [MAIN, 'install'], {
      env: { ...env, PATH: `${other}:${env['PATH']}` },
      cwd: home,
    })
    expect(done.stdout).toContain(`${join(other, 'iapeer')} comes first on your PATH`)
  })

  it.each(['a script', 'a file that quotes the mark', 'a symbolic link', 'a dangling link', 'a directory'])(
    'does not replace %s, and uninstall does not remove it',
    async (kind) => {
      const { bin, path, iapeer } = newHome()
      mkdirSync(bin, { recursive: true })
      if (kind === 'a script') writeFileSync(path, '#!/bin/sh\necho mine\n')
      else if (kind === 'a file that quotes the mark')
        writeFileSync(path, `#!/bin/sh\n\n# made by iapeer: ${JSON.stringify(MAIN)}\n`)
      else if (kind === 'a directory') mkdirSync(path)
      else symlinkSync(kind === 'a symbolic link' ? MAIN : '/nowhere', path)
      const before = lstatSync(path)
      const done = await iapeer('install')
      expect(done).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: `iapeer: ${path} was not made by iapeer\n  iapeer did not change it. Move it away, or start iapeer with: node ${MAIN}\n`,
      })
      const removed = await iapeer('uninstall', '--stop-peers')
      expect(removed.exitCode).toBe(0)
      expect(removed.stdout).toMatch(new RegExp(`${path} +was not made by iapeer`))
      expect(lstatSync(path)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
    },
  )

  it.runIf(isFullCampaign())(
    'replaces the launcher of another clone, and says so; uninstall leaves that one alone',
    async () => {
      const { bin, path, iapeer } = newHome()
      mkdirSync(bin, { recursive: true })
      writeFileSync(path, launcherText('/opt/other/apps/cli/dist/main.js', process.execPath))
      const kept = await iapeer('uninstall', '--stop-peers')
      expect(kept.stdout).toMatch(/starts \/opt\/other\/apps\/cli\/dist\/main\.js, another iapeer/)
      expect(existsSync(path)).toBe(true)
      expect((await iapeer('install')).stdout).toContain(
        'It started /opt/other/apps/cli/dist/main.js until now.',
      )
      expect(readFileSync(path, 'utf8')).toBe(launcherText(MAIN, process.execPath))
    },
  )

  it.runIf(isFullCampaign())('makes a launcher executable again', async () => {
    const { path, iapeer, launcher } = newHome()
    await iapeer('install')
    chmodSync(path, 0o600)
    await iapeer('install')
    expect((await launcher('version')).exitCode).toBe(0)
  })

  it('reports a directory that cannot be written', async () => {
    const { home, iapeer } = newHome()
    writeFileSync(join(home, '.local'), '')
    const done = await iapeer('install')
    expect(done.exitCode).toBe(1)
    expect(done.stderr).toMatch(/^iapeer: (ENOTDIR|EEXIST)/)
    rmSync(join(home, '.local'))
  })
})

describe('the end of npm start', () => {
  it('without a terminal asks nothing, writes nothing, and prints three commands that work', async () => {
    const { home, path, env } = newHome()
    const done = await run(process.execPath, [MAIN, 'welcome'], { env, cwd: home })
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    expect(existsSync(path)).toBe(false)
    const commands = done.stdout.match(/^ {2}node \S+ (create|start|attach) bob/gm) ?? []
    expect(commands).toHaveLength(3)
    expect(done.stdout).toContain('To type iapeer instead: npm start -- --install')
    const [create = ''] = done.stdout.match(/node \S+ create bob -- top/) ?? []
    expect((await run('/bin/sh', ['-c', create], { env, cwd: home })).exitCode).toBe(0)
  })

  it('--install writes the launcher, and the commands are those of iapeer', async () => {
    const { home, path, env, launcher } = newHome()
    const done = await run(process.execPath, [MAIN, 'welcome', '--install'], { env, cwd: home })
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    expect(done.stdout).toMatch(/\nNext:\n {2}iapeer create bob -- top /)
    expect(done.stdout).toContain(path)
    expect((await launcher('version')).exitCode).toBe(0)
  })
})
