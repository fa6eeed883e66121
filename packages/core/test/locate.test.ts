import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { type loadScript, type loadScripts, locateCli, locateDaemon, locateScripts } from '../src/locate.ts'
import { directories } from './support.ts'

const { directory } = directories()

function put(path: string, text = ''): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** Creates a package, and returns a function for the URLs of its modules. */
function packageNamed(name: string): { readonly path: string; readonly module: (path: string) => string } {
  const path = directory()
  put(join(path, 'package.json'), JSON.stringify({ name, version: '0.1.0' }, undefined, 2))
  return { path, module: (file) => pathToFileURL(put(join(path, file))).href }
}

describe('locateScripts', () => {
  it('finds the assets of the package itself, from its sources and from its build', () => {
    const { path, module } = packageNamed('@iapeer/lifecycle')
    for (const file of [
      'src/evidence/signals/witness.ts',
      'src/index.ts',
      'dist/index.js',
      'dist/a/chunk.js',
    ])
      expect(locateScripts('lifecycle', module(file))).toBe(join(path, 'assets'))
  })

  it('finds the assets of a package that bundles its code', () => {
    const { path, module } = packageNamed('@iapeer/cli')
    for (const owner of ['canary', 'tmux', 'lifecycle'] as const)
      expect(locateScripts(owner, module('dist/chunk-A.js'))).toBe(join(path, 'dist', 'assets', owner))
  })

  it('reports a package that was removed', () => {
    const path = directory()
    const url = pathToFileURL(join(path, 'gone', 'dist', 'index.js')).href
    expect(() => locateScripts('canary', url)).toThrowError(
      expect.objectContaining({ code: 'package-missing', message: expect.stringContaining(path) }),
    )
  })
})

describe('locateDaemon', () => {
  it('finds the program in the package of the daemon, and in a package that bundles it', () => {
    const daemon = packageNamed('@iapeer/daemon')
    const main = daemon.module('dist/main.js')
    expect(locateDaemon(main)).toBe(join(daemon.path, 'dist', 'main.js'))
    const cli = packageNamed('@iapeer/cli')
    put(join(cli.path, 'dist', 'iapeerd.js'))
    expect(locateDaemon(cli.module('dist/main.js'))).toBe(join(cli.path, 'dist', 'iapeerd.js'))
    expect(locateDaemon(cli.module('src/commands/daemon.ts'))).toBe(join(cli.path, 'dist', 'iapeerd.js'))
  })

  it('returns no other program', () => {
    const { path, module } = packageNamed('@iapeer/cli')
    expect(() => locateDaemon(module('dist/main.js'))).toThrowError(
      expect.objectContaining({
        code: 'daemon-missing',
        message: `the daemon's program is missing: ${join(path, 'dist', 'iapeerd.js')}`,
        hint: expect.stringMatching(/Install iapeer again/),
      }),
    )
  })
})

describe('locateCli', () => {
  it('finds the program of the command in its package, and none where the code is without it or was removed', () => {
    const { path, module } = packageNamed('@iapeer/cli')
    const daemon = module('dist/iapeerd.js')
    expect(locateCli(daemon)).toBe(undefined)
    expect(locateCli(module('dist/main.js'))).toBe(join(path, 'dist', 'main.js'))
    expect(locateCli(daemon)).toBe(join(path, 'dist', 'main.js'))
    expect(locateCli(packageNamed('@iapeer/lifecycle').module('dist/index.js'))).toBe(undefined)
    expect(locateCli(pathToFileURL(join(directory(), 'gone', 'index.js')).href)).toBe(undefined)
  })
})

describe('loadScripts', () => {
  /** Loads the module again, because it keeps the scripts that it has read. */
  async function fresh(): Promise<{ load: typeof loadScripts; loadOne: typeof loadScript }> {
    vi.resetModules()
    const module = await import('../src/locate.ts')
    return { load: module.loadScripts, loadOne: module.loadScript }
  }

  it('reads every script, and nothing else, sorted by name', async () => {
    const { load } = await fresh()
    const { path, module } = packageNamed('@iapeer/canary')
    put(join(path, 'assets', 'watch.sh'), 'w')
    put(join(path, 'assets', 'guard.sh'), 'g')
    put(join(path, 'assets', 'notes.txt'), 'n')
    expect([...(await load('canary', module('dist/index.js')))]).toEqual([
      ['guard.sh', 'g'],
      ['watch.sh', 'w'],
    ])
  })

  it('keeps the scripts that were read when the package is replaced or removed', async () => {
    const { load, loadOne } = await fresh()
    const { path, module } = packageNamed('@iapeer/tmux')
    const url = module('dist/index.js')
    const script = put(join(path, 'assets', 'exit-hook.sh'), 'old')
    expect(await loadOne('tmux', 'exit-hook.sh', url)).toBe('old')
    put(script, 'new')
    expect(await loadOne('tmux', 'exit-hook.sh', url)).toBe('old')
    rmSync(path, { recursive: true })
    expect([...(await load('tmux', url)).keys()]).toEqual(['exit-hook.sh'])
  })

  it('names a missing script, and finds it when it exists', async () => {
    const { load, loadOne } = await fresh()
    const { path, module } = packageNamed('@iapeer/cli')
    const url = module('dist/main.js')
    const directory = join(path, 'dist', 'assets', 'canary')
    await expect(load('canary', url)).rejects.toMatchObject({
      code: 'scripts-missing',
      message: `the shell scripts of @iapeer/canary are missing: ${directory}`,
      hint: expect.stringMatching(/Install iapeer again.*outside its bundle/),
    })
    put(join(directory, 'guard.sh'), 'g')
    expect(await loadOne('canary', 'guard.sh', url)).toBe('g')
    await expect(loadOne('canary', 'other.sh', url)).rejects.toMatchObject({
      code: 'scripts-missing',
      message: `${join(directory, 'other.sh')} is missing`,
    })
  })
})
