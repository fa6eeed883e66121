// Installs system programs that this repository needs, with the system's package manager, if that needs no prompt.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Each package manager with its arguments to install a package, and to prepare that; brew never runs as root. */
const INSTALLERS = [
  ['apt-get', ['install', '-y', '-qq'], ['update', '-qq']],
  ['dnf', ['install', '-y', '-q']],
  ['apk', ['add', '-q']],
  ['pacman', ['-S', '--noconfirm', '--quiet']],
  ['brew', ['install', '--quiet']],
]

/** The names of packages that differ from the name of the program. */
const PACKAGES = { dnf: { shellcheck: 'ShellCheck' } }

const onPath = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)))

/**
 * Installs a program unless it is on the PATH.
 * @param run runs a command quietly and returns its exit code
 * @returns what the user must do, if the program cannot be installed; undefined if it is installed
 */
export async function ensureTool(tool, run) {
  if (onPath(tool)) return undefined
  const found = INSTALLERS.find(([name]) => onPath(name))
  if (found === undefined)
    return `${tool} is required and is not installed. Install it with the package manager of this system.`
  const [name, install, prepare] = found
  const needsSudo = name !== 'brew' && process.getuid?.() !== 0
  const prefix = needsSudo ? ['sudo', '-n'] : []
  const words = [name, ...install, PACKAGES[name]?.[tool] ?? tool]
  const command = `${needsSudo ? 'sudo ' : ''}${words.join(' ')}`
  if (needsSudo && (!onPath('sudo') || (await run(['sudo', '-n', 'true'])) !== 0))
    return `${tool} is required and is not installed. Install it with: ${command}`
  process.stderr.write(`installing ${tool}: ${command}\n`)
  if (prepare !== undefined) await run([...prefix, name, ...prepare])
  if ((await run([...prefix, ...words])) === 0) return undefined
  return `${tool} could not be installed. Install it with: ${command}`
}
