// Installs other supervisors in a scratch directory: pm2 from npm; supervisor and s6 from the packages of Debian, unpacked and not
// installed. Each function returns what it installed, or why it could not.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const LIMIT_MS = 120_000
const PYTHON = '/usr/bin/python3'

const firstLine = (text) => text.trim().split('\n')[0] ?? ''

/** Runs a step of an installation. @returns the output; throws an error that says why it failed, without paths */
async function step(file, args, options) {
  try {
    const { stdout } = await exec(file, args, { timeout: LIMIT_MS, maxBuffer: 2 ** 26, ...options })
    return stdout
  } catch (error) {
    const why =
      error.code === 'ENOENT' ? `${file} is not installed` : firstLine(error.stderr ?? error.message)
    throw new Error(`${file} ${args[0]} failed: ${why}`.replaceAll(options.cwd, '.'))
  }
}

/** Installs pm2. @returns the program and its version */
export async function installPm2(directory) {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--cache', join(directory, 'cache')]
  await step('npm', ['install', '--prefix', directory, ...options, 'pm2'], { cwd: directory })
  const found = await step('npm', ['ls', '--prefix', directory, '--json', 'pm2'], { cwd: directory })
  const { version } = JSON.parse(found).dependencies.pm2
  return { version, program: join(directory, 'node_modules', 'pm2', 'bin', 'pm2') }
}

/** Returns the libraries that a package of Debian needs, apart from those of the C compiler and of C itself. */
async function librariesOf(name, cwd) {
  const text = await step('apt-cache', ['depends', '-i', name], { cwd })
  const names = [...text.matchAll(/Depends: (lib[^\s<]+)/g)].map(([, library]) => library)
  return names.filter((library) => !/^lib(c6|gcc)/.test(library))
}

/** Downloads packages of Debian and unpacks them. @returns the version of the first one */
async function unpack(names, directory) {
  mkdirSync(directory, { recursive: true })
  await step('apt-get', ['download', '-q', ...names], { cwd: directory })
  const archives = readdirSync(directory).filter((file) => file.endsWith('.deb'))
  for (const archive of archives) await step('dpkg', ['-x', archive, 'unpacked'], { cwd: directory })
  const own = archives.find((archive) => archive.startsWith(`${names[0]}_`)) ?? ''
  return decodeURIComponent(own.split('_')[1] ?? 'unknown')
}

/** Installs supervisor. @returns the interpreter, the directory of the programs, the environment and the version */
export async function installSupervisor(directory) {
  if (!existsSync(PYTHON)) throw new Error('the python3 of Debian is not installed')
  const version = await unpack(['supervisor', 'python3-pkg-resources'], directory)
  const unpacked = join(directory, 'unpacked', 'usr')
  const env = { PYTHONPATH: join(unpacked, 'lib', 'python3', 'dist-packages') }
  return { version, python: PYTHON, bin: join(unpacked, 'bin'), env }
}

/** Installs s6. @returns the directory of the programs, the environment and the version */
export async function installS6(directory) {
  mkdirSync(directory, { recursive: true })
  const first = await librariesOf('s6', directory)
  const more = (await Promise.all(first.map((library) => librariesOf(library, directory)))).flat()
  const version = await unpack(['s6', ...new Set([...first, ...more])], directory)
  const unpacked = join(directory, 'unpacked', 'usr')
  const libraries = readdirSync(join(unpacked, 'lib')).filter((name) => name.includes('linux'))
  const env = { LD_LIBRARY_PATH: libraries.map((name) => join(unpacked, 'lib', name)).join(':') }
  return { version, bin: join(unpacked, 'bin'), env }
}
