import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { privateDirectory, run, until } from '@iapeer/dev/testing'

const CGROUPS = '/sys/fs/cgroup'
const SCRIPT = fileURLToPath(new URL('fixtures/user-manager.sh', import.meta.url))
const OLDEST = 250

/** Returns why no systemd user manager can be started on this host; undefined if one can. */
export async function whyNoUserManager(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'this is not Linux'
  if (process.getuid?.() !== 0) return 'this is not root'
  if (existsSync('/run/systemd/system')) return 'systemd is the init of this host and manages the cgroups'
  const shown = await run('systemctl', ['--version']).catch(() => undefined)
  const version = Number(/^systemd (\d+)/.exec(shown?.stdout ?? '')?.[1])
  if (!(version >= OLDEST)) return `systemd ${OLDEST} or later is not installed`
  const unshared = await run('unshare', ['--mount', 'true']).catch(() => undefined)
  if (unshared?.exitCode !== 0) return 'a mount namespace cannot be created'
  try {
    const probe = join(hierarchies()[0] ?? CGROUPS, `iapeer-probe-${process.pid}`)
    mkdirSync(probe)
    rmdirSync(probe)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return `a cgroup cannot be created (${error.code})`
  }
  return undefined
}

/** Returns the cgroup hierarchies: one unified hierarchy, or one for each controller (cgroups(7)). */
function hierarchies(): string[] {
  if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [CGROUPS]
  return readdirSync(CGROUPS)
    .map((name) => join(CGROUPS, name))
    .filter((path) => existsSync(join(path, 'cgroup.procs')))
}

/** Returns a cgroup and all cgroups below it, the deepest first. */
function treeOf(path: string): string[] {
  if (!existsSync(path)) return []
  const directories = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [...directories.flatMap(({ name }) => treeOf(join(path, name))), path]
}

export interface UserManager {
  readonly home: string
  /** The environment of a login of its user. */
  readonly env: NodeJS.ProcessEnv
  readonly systemctl: (...args: string[]) => ReturnType<typeof run>
  /** Returns a property of a unit (`systemctl show`). */
  readonly property: (unit: string, name: string) => Promise<string>
  /** Returns the unit of a process. */
  readonly unitOf: (pid: number) => string
  /** Whether a memory limit can be set on units. */
  readonly limitsMemory: boolean
  /** Does what a logout does: sends TERM to the manager, which stops all its units and exits. */
  readonly exit: () => Promise<void>
  /** Kills the manager and all processes in its cgroups, and removes the cgroups. */
  readonly end: () => Promise<void>
}

export async function startUserManager(): Promise<UserManager> {
  const directory = privateDirectory('u')
  const home = join(directory.path, 'home')
  const runtime = join(directory.path, 'run')
  for (const path of [home, runtime]) mkdirSync(path, { mode: 0o700 })
  // Named like the cgroup of a login: recorders recognise units of a user by this name.
  const cgroup = `iapeer-test-${process.pid}/user@0.service`
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: runtime, LC_ALL: 'C' }
  const log = openSync(join(directory.path, 'log'), 'a')
  const child = spawn('unshare', ['--mount', '/bin/sh', SCRIPT], {
    env: { ...env, IAPEER_TEST_CGROUP: cgroup },
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const exit = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }

  const ours = (): string[] => hierarchies().flatMap((path) => treeOf(join(path, cgroup)))
  const systemctl = (...args: string[]) => run('systemctl', ['--user', ...args], { env })
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
    await until('the processes of its cgroups to exit', () => {
      const left = ours().flatMap((path) =>
        readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean),
      )
      for (const pid of new Set(left)) killOne(Number(pid))
      return left.length === 0
    })
    for (const path of ours()) rmdirSync(path)
    for (const path of hierarchies().map((one) => join(one, `iapeer-test-${process.pid}`)))
      if (existsSync(path)) rmdirSync(path)
    await directory.remove()
  }
  await until('the user manager', async () => {
    const { stdout } = await systemctl('is-active', 'default.target')
    return stdout === 'active\n' || child.exitCode !== null
  })
  if (child.exitCode !== null) {
    const log = readFileSync(join(directory.path, 'log'), 'utf8')
    await end()
    throw new Error(`the user manager exited: ${log}`)
  }
  return {
    home,
    env,
    systemctl,
    property: async (unit, name) => (await systemctl('show', unit, '-p', name, '--value')).stdout.trim(),
    unitOf: (pid) =>
      readFileSync(`/proc/${pid}/cgroup`, 'latin1')
        .split('\n')
        .find((line) => line.startsWith('0::') || line.includes(':name=systemd:'))
        ?.split('/')
        .findLast((part) => /\.(scope|service)$/.test(part)) ?? '',
    limitsMemory: ours().some(
      (path) =>
        existsSync(join(path, 'app.slice', 'memory.max')) ||
        existsSync(join(path, 'app.slice', 'memory.limit_in_bytes')),
    ),
    exit,
    end,
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
