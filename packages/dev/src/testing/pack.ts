import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.ts'

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))
const LIMIT_MS = 120_000

/** npm's messages if the registry cannot be reached or npm is offline. */
const UNREACHABLE =
  /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E?TIMEDOUT|ENOTCACHED)\b/

/**
 * Packs a package in the form in which it is published.
 * @param directory directory of the package, relative to the root of the repository: `packages/core`
 * @returns the path of the tarball
 */
export async function packPackage(
  directory: string,
  into: string,
  manager: 'npm' | 'pnpm' = 'npm',
): Promise<string> {
  mkdirSync(into, { recursive: true })
  const cwd = join(REPOSITORY, directory)
  const done = await run(manager, ['pack', '--json', '--pack-destination', into], { cwd, limitMs: LIMIT_MS })
  if (done.exitCode !== 0) throw new Error(`${manager} pack of ${directory}: ${done.stdout}${done.stderr}`)
  const parsed: { readonly filename: string } | { readonly filename: string }[] = JSON.parse(done.stdout)
  const filename = Array.isArray(parsed) ? parsed[0]?.filename : parsed.filename
  if (filename === undefined) throw new Error(`${manager} pack of ${directory} named no file: ${done.stdout}`)
  return filename.startsWith('/') ? filename : join(into, filename)
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
