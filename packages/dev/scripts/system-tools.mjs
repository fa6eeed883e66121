// Programs of the system that this repository needs: installed by its package manager where that needs no question.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** How each package manager installs one, and what it does before; brew never runs as root. */
const INSTALLERS = [
  ['apt-get', ['install', '-y', '-qq'], ['update', '-qq']],
  ['dnf', ['install', '-y', '-q']],
  ['apk', ['add', '-q']],
  ['pacman', ['-S', '--noconfirm', '--quiet']],
  ['brew', ['install', '--quiet']],
]

/** Where a package manager has another name for it. */
const PACKAGES = { dnf: { shellcheck: 'ShellCheck' } }

const onPath = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)))

/**
 * Sees to it that a program is installed.
 * @param run runs a command quietly and gives its exit code
 * @returns what to do about it, where it could not be installed; undefined when it is there
 */
export async function seeTo(tool, run) {
  if (onPath(tool)) return undefined
  const found = INSTALLERS.find(([name]) => onPath(name))
  if (found === undefined)
    return `${tool} is needed and is not installed: install it with the package manager of this system.`
  const [name, install, prepare] = found
  const needsSudo = name !== 'brew' && process.getuid?.() !== 0
  const prefix = needsSudo ? ['sudo', '-n'] : []
  const words = [name, ...install, PACKAGES[name]?.[tool] ?? tool]
  const command = `${needsSudo ? 'sudo ' : ''}${words.join(' ')}`
  if (needsSudo && (!onPath('sudo') || (await run(['sudo', '-n', 'true'])) !== 0))
    return `${tool} is needed and is not installed. Install it with: ${command}`
  process.stderr.write(`installing ${tool}: ${command}\n`)
  if (prepare !== undefined) await run([...prefix, name, ...prepare])
  if ((await run([...prefix, ...words])) === 0) return undefined
  return `${tool} could not be installed. Install it with: ${command}`
}
