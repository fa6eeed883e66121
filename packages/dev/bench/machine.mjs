// Describes the machine of a run, without names and paths.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Returns the first line that a program prints; `unknown` if it does not run. */
async function firstLine(file, args) {
  try {
    const { stdout } = await exec(file, args, { timeout: 10_000 })
    return stdout.split('\n')[0].trim()
  } catch (error) {
    if (error.code === 'ENOENT' || typeof error.code === 'number' || error.killed) return 'unknown'
    throw error
  }
}

async function systemName() {
  if (process.platform === 'darwin') return `macOS ${await firstLine('sw_vers', ['-productVersion'])}`
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? type()
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return type()
  }
}

/** Returns pairs of a name and a text. @param cwd a directory of the repository, for its commit */
export async function describeMachine(cwd) {
  return [
    ['processor', `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['system', await systemName()],
    // Without the name that a provider has given its build.
    ['kernel', `${type()} ${/^[\d.]+/.exec(release())?.[0] ?? 'unknown'}`],
    ['Node.js', process.versions.node],
    ['tmux', (await firstLine('tmux', ['-V'])).replace(/^tmux /, '')],
    ['iapeer', `commit ${await firstLine('git', ['-C', cwd, 'rev-parse', '--short=10', 'HEAD'])}`],
  ]
}
