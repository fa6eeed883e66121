import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.ts'

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))
const LIMIT_MS = 120_000

/** npm's messages if the registry cannot be reached or npm is offline. */
const UNREACHABLE =
  /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E?TIMEDOUT|ENOTCACHED)\b/

/** What a package manager prints of a package that it has packed. */
interface Packed {
  readonly name: string
  /** npm prints its name, pnpm its path. */
  readonly filename: string
}

/** Returns the arguments that pack several packages at once. */
function packArguments(manager: 'npm' | 'pnpm', directories: readonly string[], into: string): string[] {
  const paths = directories.map((directory) => `./${directory}`)
  const options = ['--json', '--pack-destination', into]
  return manager === 'npm'
    ? ['pack', ...paths, ...options]
    : ['-r', ...paths.flatMap((path) => ['--filter', path]), 'pack', ...options]
}

/**
 * Packs packages in the form in which they are published.
 * @param directories directories of the packages, relative to the root of the repository: `packages/core`
 * @returns the paths of the tarballs by the name of the package
 */
export async function packPackages(
  directories: readonly string[],
  into: string,
  manager: 'npm' | 'pnpm' = 'npm',
): Promise<Map<string, string>> {
  mkdirSync(into, { recursive: true })
  const args = packArguments(manager, directories, into)
  const done = await run(manager, args, { cwd: REPOSITORY, limitMs: LIMIT_MS })
  if (done.exitCode !== 0) throw new Error(`${manager} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
  // pnpm prints the only package without a list.
  const packed: Packed[] = [JSON.parse(done.stdout)].flat()
  if (packed.length !== directories.length)
    throw new Error(`${manager} packed ${packed.length} of ${directories.length} packages: ${done.stdout}`)
  return new Map(
    packed.map(({ name, filename }) => [name, filename.startsWith('/') ? filename : join(into, filename)]),
  )
}

const SETTINGS = [
  ...['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error', '--prefer-offline'],
  // By default npm waits ten seconds or more before it retries.
  ...['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'],
]

let unreachable: string | undefined

/**
 * Runs `npm install`; packages in npm's cache are not downloaded again.
 * @returns the reason if the registry cannot be reached; undefined if the packages are installed
 */
export async function npmInstall(args: readonly string[], cwd: string): Promise<string | undefined> {
  if (unreachable !== undefined) return unreachable
  const done = await run('npm', ['install', ...SETTINGS, ...args], { cwd, limitMs: LIMIT_MS })
  if (done.exitCode === 0) return undefined
  const stderr = done.stderr.trim()
  if (UNREACHABLE.test(stderr)) unreachable = `the npm registry cannot be reached: ${stderr.split('\n')[0]}`
  if (unreachable !== undefined) return unreachable
  throw new Error(`npm install ${args.join(' ')}: ${done.stdout}${stderr}`)
}
