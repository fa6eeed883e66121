import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asyncCleanups, isFullCampaign, privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const PACKAGING = join(REPOSITORY, 'packages', 'dev', 'packaging')
const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)))

function newDirectory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

async function must(file: string, args: readonly string[], env = process.env): Promise<string> {
  const done = await run(file, args, { env, limitMs: 120_000 })
  if (done.exitCode !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
  return done.stdout
}

const isDebian = process.platform === 'linux' && has('dpkg-deb') && process.getuid?.() === 0

describe.runIf(isFullCampaign() && isDebian)('the Debian package', () => {
  it('is installed, runs, starts nothing by itself, and is removed without a trace', async ({ skip }) => {
    const path = newDirectory()
    const built = await run(process.execPath, [join(PACKAGING, 'build-deb.mjs'), path], { limitMs: 120_000 })
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED/.test(built.stderr)) skip('the npm registry cannot be reached')
    expect(built.exitCode).toBe(0)
    const [, deb = '', version] = /^(.*\/iapeer_([\d.]+)_all\.deb)\n$/.exec(built.stdout) ?? []
    const root = join(path, 'system')
    const dpkgFiles = join(root, 'var', 'lib', 'dpkg')
    for (const name of ['info', 'updates', 'triggers']) mkdirSync(join(dpkgFiles, name), { recursive: true })
    writeFileSync(join(dpkgFiles, 'status'), '')
    // The scratch system has neither Node.js nor tmux in the database of dpkg.
    const dpkg = (...args: string[]) => must('dpkg', ['--root', root, '--force-depends', ...args])
    await dpkg('--install', deb)
    // Maintainer scripts could start something.
    const info = readdirSync(join(dpkgFiles, 'info'))
    expect(info.filter((name) => name.startsWith('iapeer.')).sort()).toEqual([
      'iapeer.list',
      'iapeer.md5sums',
    ])

    const manuals = readdirSync(join(root, 'usr', 'share', 'man', 'man1'))
    const ofCommands = readdirSync(join(REPOSITORY, 'apps', 'cli', 'dist', 'man'))
    expect(manuals.sort()).toEqual([...ofCommands, 'iapeerd.1'].map((name) => `${name}.gz`).sort())
    expect(manuals).toContain('iapeer-start.1.gz')

    const env = { ...process.env, IAPEER_ROOT: join(path, 'root'), HOME: path, TMUX: '' }
    const bin = join(root, 'usr', 'bin')
    for (const name of ['iapeer', 'iapeerd'])
      expect(await must(join(bin, name), ['--version'], env)).toBe(`${version}\n`)
    expect(await must(join(bin, 'iapeer'), ['demo'], env)).toMatch(
      /All processes and files of the demo are removed/,
    )
    await dpkg('--remove', 'iapeer')
    expect(existsSync(join(root, 'usr', 'share', 'iapeer'))).toBe(false)
    expect(existsSync(join(bin, 'iapeer'))).toBe(false)
    if (has('lintian'))
      expect(await must('lintian', ['--allow-root', '--fail-on', 'error,warning', deb])).toBe('')
  }, 300_000)
})

describe('the Homebrew formula', () => {
  it('has the address, the version and the checksum of a tarball, and is valid Ruby', async ({ skip }) => {
    const path = newDirectory()
    const tarball = join(path, 'cli.tgz')
    writeFileSync(tarball, 'abc')
    const formula = await must(process.execPath, [join(PACKAGING, 'render-formula.mjs'), tarball])
    expect(formula).not.toMatch(/@[A-Z]/)
    expect(formula).toMatch(
      /^ {2}url "https:\/\/registry\.npmjs\.org\/@iapeer\/cli\/-\/cli-\d+\.\d+\.\d+\.tgz"$/m,
    )
    // The checksum of "abc": FIPS 180-2, appendix B.1.
    expect(formula).toContain('sha256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"')
    const { files }: { files: readonly string[] } = JSON.parse(
      readFileSync(join(REPOSITORY, 'apps', 'cli', 'package.json'), 'utf8'),
    )
    expect(files).toContain('dist')
    expect(formula).toMatch(
      /man1\.install_symlink libexec\.glob\("lib\/node_modules\/@iapeer\/cli\/dist\/man\/\*\.1"\)/,
    )
    if (!has('ruby')) skip('ruby is not installed')
    writeFileSync(join(path, 'iapeer.rb'), formula)
    expect(await must('ruby', ['-c', join(path, 'iapeer.rb')])).toBe('Syntax OK\n')
  })
})

it('the Debian package recommends, and the image has, the program that names the client of a kill command', () => {
  const read = (...parts: string[]): string => readFileSync(join(PACKAGING, ...parts), 'utf8')
  expect(read('debian', 'control')).toMatch(/^Recommends: .*\biproute2\b/m)
  expect(read('container', 'Dockerfile')).toMatch(/apt-get install .*\biproute2\b/)
})

describe('the container image', () => {
  /** Returns the instructions of the Dockerfile: continued lines are joined, comments left out. */
  const text = readFileSync(join(PACKAGING, 'container', 'Dockerfile'), 'utf8')
  const instructions = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const)
  const all = (name: string) => instructions.filter(([one]) => one === name).map(([, value]) => value)

  it('has only instructions of Docker, begins with FROM, and does not run as root', () => {
    const known = [
      'FROM',
      'RUN',
      'COPY',
      'USER',
      'ENV',
      'WORKDIR',
      'VOLUME',
      'HEALTHCHECK',
      'ENTRYPOINT',
      'CMD',
    ]
    expect(instructions.map(([name]) => name).filter((name) => !known.includes(name))).toEqual([])
    expect(instructions[0]?.[0]).toBe('FROM')
    expect(all('USER')).toEqual(['node'])
    expect(instructions.findLastIndex(([name]) => name === 'RUN')).toBeLessThan(
      instructions.findIndex(([name]) => name === 'USER'),
    )
  })

  it('keeps the root in a volume, and starts the daemon under tini', () => {
    const root = /^IAPEER_ROOT=(\S+)$/.exec(all('ENV')[0] ?? '')?.[1]
    expect(JSON.parse(all('VOLUME')[0] ?? '')).toEqual([root])
    expect(JSON.parse(all('ENTRYPOINT')[0] ?? '')).toEqual(['tini', '--'])
    expect(JSON.parse(all('CMD')[0] ?? '')).toEqual([
      'env',
      'MALLOC_MMAP_THRESHOLD_=65536',
      'MALLOC_TRIM_THRESHOLD_=65536',
      ...['iapeerd', '--foreground'],
    ])
    expect(all('RUN')[0]).toMatch(/\btini tmux\b/)
  })

  it('is unhealthy while no daemon is running: the command of its health check fails', async () => {
    const [, command = ''] = / CMD (.*)$/.exec(all('HEALTHCHECK')[0] ?? '') ?? []
    const path = newDirectory()
    const program = join(path, 'iapeer')
    const main = join(REPOSITORY, 'apps', 'cli', 'dist', 'main.js')
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 })
    const env = {
      ...process.env,
      PATH: `${path}${delimiter}${process.env['PATH']}`,
      IAPEER_ROOT: join(path, 'r'),
    }
    expect(await run('/bin/sh', ['-c', command], { env })).toMatchObject({ exitCode: 1, stderr: '' })
  })
})
