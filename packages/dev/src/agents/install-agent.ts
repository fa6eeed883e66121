import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run } from '../testing/run.ts'

/** The agent programs that tests run, and their npm packages. */
const PACKAGES = { claude: '@anthropic-ai/claude-code', codex: '@openai/codex' } as const

export type AgentName = keyof typeof PACKAGES
export const AGENT_NAMES: readonly AgentName[] = ['claude', 'codex']

const INSTALL_MS = 10 * 60_000
const ASK_MS = 60_000

/** Returns the cache directory. It is outside the repository, so that a new checkout finds the programs. */
const cacheDirectory = (env: NodeJS.ProcessEnv): string =>
  join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'iapeer-test-agents')

const programIn = (directory: string, name: AgentName): string =>
  join(directory, 'node_modules', '.bin', name)

/** Returns the reason of a failure: the longest error line of npm says most. */
function reasonOf(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  const errors = lines.filter((line) => /^npm error(?!\s+at )/.test(line) && !line.includes('complete log'))
  return (
    errors.toSorted((one, other) => other.length - one.length)[0] ??
    lines.find((line) => line !== '') ??
    'no reason given'
  )
}

/** Runs npm. @throws Error with npm's message */
async function npm(args: readonly string[], limitMs: number, env: NodeJS.ProcessEnv): Promise<string> {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--fetch-retries=1']
  const done = await run('npm', [...args, ...quiet], { env, limitMs })
  if (done.exitCode === 0) return done.stdout
  const why =
    done.signal === undefined ? reasonOf(done.stderr) : `it did not finish within ${limitMs / 1_000} s`
  throw new Error(`npm ${args[0]} failed: ${why}`)
}

/** Returns the newest version in the registry. @throws Error if the registry cannot be reached */
export async function newestVersion(name: AgentName, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return (await npm(['view', PACKAGES[name], 'version'], ASK_MS, env)).trim()
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

/** Removes the directories of killed processes: the name of such a directory contains the pid of its process. */
function removeStale(cache: string): void {
  for (const entry of readdirSync(cache)) {
    const pid = Number(/^\.\w+@[\w.-]+-(\d+)-\w+$/.exec(entry)?.[1])
    if (pid > 0 && isGone(pid)) rmSync(join(cache, entry), { recursive: true, force: true })
  }
}

/**
 * Installs one version of a program, once, into a cache outside the repository, `<cache>/iapeer-test-agents/<name>@<version>`.
 * That directory is either complete or missing. Two simultaneous runs install twice, and one of the copies is kept.
 * @returns the path of the program
 * @throws Error with npm's message
 */
export async function installAgent(
  name: AgentName,
  version: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const cache = cacheDirectory(env)
  const directory = join(cache, `${name}@${version}`)
  if (existsSync(programIn(directory, name))) return programIn(directory, name)
  mkdirSync(cache, { recursive: true })
  removeStale(cache)
  const making = mkdtempSync(join(cache, `.${name}@${version}-${process.pid}-`))
  try {
    process.stderr.write(`installing ${name} ${version} into ${directory}\n`)
    await npm(['install', '--prefix', making, `${PACKAGES[name]}@${version}`], INSTALL_MS, env)
    const tried = await run(programIn(making, name), ['--version'], { env, limitMs: ASK_MS })
    if (!tried.stdout.includes(version))
      throw new Error(`${name} ${version} does not run here: ${reasonOf(tried.stderr)}`)
    if (!existsSync(directory)) renameSync(making, directory)
  } catch (error) {
    // Another run may have installed it meanwhile.
    if (!existsSync(programIn(directory, name))) throw error
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return programIn(directory, name)
}
