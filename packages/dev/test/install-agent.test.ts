import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findAgent, installAgent } from '../src/agents/index.ts'
import pinned from '../src/agents/versions.json' with { type: 'json' }
import { asyncCleanups, privateDirectory } from '../src/testing/index.ts'

const track = asyncCleanups()

/** A stand-in for npm: installs a program that prints its version, takes `NPM_TAKES` seconds, and logs each call. */
const NPM = `#!/bin/sh
echo "$*" >>"$NPM_LOG"
[ -z "$NPM_FAILS" ] || { echo "npm error code ENOTFOUND" >&2; echo "npm error network $NPM_FAILS" >&2; exit 1; }
case $1 in
  view) echo 9.9.9 ;;
  install)
    into=$3 package=$4 version=\${4##*@}
    mkdir -p "$into/node_modules/.bin"
    for name in claude codex; do
      printf '#!/bin/sh\\necho %s\\n' "$version" >"$into/node_modules/.bin/$name"
      chmod +x "$into/node_modules/.bin/$name"
    done
    sleep "\${NPM_TAKES:-0}" ;;
esac
`

function newCache() {
  const { path, remove } = privateDirectory()
  track(remove)
  const bin = join(path, 'bin')
  const log = join(path, 'npm.log')
  mkdirSync(bin)
  writeFileSync(join(bin, 'npm'), NPM)
  chmodSync(join(bin, 'npm'), 0o755)
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env['PATH']}`,
    XDG_CACHE_HOME: path,
    NPM_LOG: log,
  }
  const cache = join(path, 'iapeer-test-agents')
  const installs = () =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => line.startsWith('install')).length
      : 0
  return { env, cache, installs }
}

describe('an agent program for tests', () => {
  it('is installed once, into a directory named after its version', async () => {
    const { env, cache, installs } = newCache()
    const program = await installAgent('claude', '1.2.3', env)
    expect(program).toBe(join(cache, 'claude@1.2.3', 'node_modules', '.bin', 'claude'))
    expect(await installAgent('claude', '1.2.3', env)).toBe(program)
    expect([installs(), readdirSync(cache)]).toEqual([1, ['claude@1.2.3']])
  })

  it('is complete if two runs install it at once, and one copy is kept', async () => {
    const { env, cache } = newCache()
    const slow = { ...env, NPM_TAKES: '0.3' }
    const both = await Promise.all([
      installAgent('codex', '1.2.3', slow),
      installAgent('codex', '1.2.3', slow),
    ])
    expect(new Set(both).size).toBe(1)
    expect(readdirSync(cache)).toEqual(['codex@1.2.3'])
  })

  it('is installed again after an interrupted installation, whose files are removed', async () => {
    const { env, cache, installs } = newCache()
    const gone = spawn('true', { stdio: 'ignore' })
    await new Promise((resolve) => gone.once('exit', resolve))
    const stale = join(cache, `.claude@1.2.3-${gone.pid}-aBc1x2`)
    const running = join(cache, `.claude@1.2.3-${process.ppid}-aBc1x2`)
    for (const path of [stale, running]) mkdirSync(join(path, 'node_modules'), { recursive: true })
    await installAgent('claude', '1.2.3', env)
    expect(installs()).toBe(1)
    expect(readdirSync(cache).sort()).toEqual([running.slice(cache.length + 1), 'claude@1.2.3'].sort())
  })

  it("is skipped with npm's message if npm cannot install it, and leaves no file", async () => {
    const { env, cache } = newCache()
    const offline = { ...env, NPM_FAILS: 'request to https://registry.npmjs.org failed' }
    for (const wanted of ['pinned', 'newest']) {
      const found = await findAgent('claude', { ...offline, IAPEER_TEST_AGENTS: wanted })
      expect(found.program).toBeUndefined()
      expect(found.skipped).toMatch(/^npm (?:install|view) failed: .*registry\.npmjs\.org failed/)
    }
    expect(readdirSync(cache)).toEqual([])
  })

  it('is not used if it prints another version than the one that was installed', async () => {
    const { env, cache } = newCache()
    const npm = join(cache, '..', 'bin', 'npm')
    writeFileSync(npm, NPM.replace('echo %s', 'echo 0.0.0'))
    await expect(installAgent('claude', '1.2.3', env)).rejects.toThrow('claude 1.2.3 does not run here')
    expect(readdirSync(cache)).toEqual([])
  })

  it('is selected by IAPEER_TEST_AGENTS: pinned, newest, or a directory', async () => {
    const { env, cache } = newCache()
    const find = (wanted: string) => findAgent('codex', { ...env, IAPEER_TEST_AGENTS: wanted })
    const programOf = (version: string) => join(cache, `codex@${version}`, 'node_modules', '.bin', 'codex')
    expect(await find('pinned')).toEqual({ program: programOf(pinned.codex) })
    expect(await find('newest')).toEqual({ program: programOf('9.9.9') })
    expect(await find(join(cache, 'codex@9.9.9'))).toEqual({ program: programOf('9.9.9') })
    expect((await find('/nowhere')).skipped).toContain('/nowhere')
    expect((await findAgent('codex', { PATH: '/nowhere' })).skipped).toContain('IAPEER_TEST_AGENTS=pinned')
  })
})
