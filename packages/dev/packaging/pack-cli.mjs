// Packs the CLI and installs the tarball with its libraries into a directory, as the packages of distributions need it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
export const CLI = join(REPOSITORY, 'apps', 'cli')

export const run = (file, args, options) =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options })

/** Returns the manifest of the CLI. */
export const cliManifest = () => JSON.parse(readFileSync(join(CLI, 'package.json'), 'utf8'))

/** Packs the CLI, which must be built. @returns the path of the tarball */
export function packCli(into) {
  const [{ filename }] = JSON.parse(run('npm', ['pack', CLI, '--json', '--pack-destination', into]))
  return join(into, filename)
}

/** Installs a tarball with the libraries that it depends on. @returns the directory of the installed package */
export function installTarball(tarball, into) {
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel=error']
  run('npm', ['install', '--global', '--prefix', into, ...options, tarball])
  return join(into, 'lib', 'node_modules', '@iapeer', 'cli')
}
