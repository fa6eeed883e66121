// Builds iapeer_<version>_all.deb from the packed CLI with dpkg-deb. The package starts nothing when it is installed, upgraded or removed: it has
// no maintainer scripts. The CLI must be built. usage: build-deb.mjs <directory for the package>
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { CLI, cliManifest, installTarball, packCli, run } from './pack-cli.mjs'

const TEMPLATES = fileURLToPath(new URL('debian/', import.meta.url))
const [output] = process.argv.slice(2)
if (output === undefined) {
  process.stderr.write('usage: build-deb.mjs <directory for the package>\n')
  process.exit(2)
}

/** The same commit gives the same package: https://reproducible-builds.org/specs/source-date-epoch/ */
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? run('git', ['log', '-1', '--format=%ct'], { cwd: CLI }))

/** Writes a file and the directories above it. */
function write(path, content) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  writeFileSync(path, content, { mode: 0o644 })
}

/** Maps of the sources, which are more than half of the size and which the npm package has, and what only npm and compilers read. */
const LEFT_OUT = /\.map$|\.d\.[cm]?ts$|\/node_modules\/\.bin(?:\/|$)|\/\.(?:npmignore|package-lock\.json)$/

/** Compresses as Debian policy 12 wants documents to be compressed: without a name and a time. */
const gzip = (text) => gzipSync(text, { level: 9 })

/** Returns the manual page of the daemon; those of the commands are made by the build of the CLI. */
const daemonManual = (version) =>
  [
    `.TH IAPEERD 1 "" "iapeer ${version}" "User Commands"`,
    '.SH NAME',
    'iapeerd \\- the daemon of iapeer, which restarts peers and sends notifications',
    '.SH SYNOPSIS',
    '.B iapeerd',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    '.B iapeerd \\-\\-help',
    'lists the options.',
    '.B iapeer daemon start',
    'starts it.',
    '.SH SEE ALSO',
    '.BR iapeer (1)',
    '',
  ].join('\n')

/** Returns the manual pages by file name. */
function manuals(version) {
  const pages = join(CLI, 'dist', 'man')
  return new Map([
    ...readdirSync(pages).map((name) => [name, readFileSync(join(pages, name))]),
    ['iapeerd.1', daemonManual(version)],
  ])
}

/** Returns the copyright file: each library keeps its own license file, beside its package.json. */
function copyright(library) {
  const manifests = readdirSync(join(library, 'node_modules'), { recursive: true })
    .filter((path) => /(?:^|node_modules\/)(?:@[^/]+\/)?[^/]+\/package\.json$/.test(path))
    .sort()
  const sections = manifests.flatMap((path) => {
    const { name, license } = JSON.parse(readFileSync(join(library, 'node_modules', path), 'utf8'))
    if (name === undefined || license === undefined) return []
    const files = `usr/share/iapeer/node_modules/${dirname(path)}`
    const notice = `Copyright: the authors that the license file in ${files} names`
    return [`Files: ${files}/*\n${notice}\nLicense: ${license}-of-${name.replace(/\W+/g, '-')}`]
  })
  const licenses = sections.map((text) => {
    const [, files, short] = /^Files: (.*)\/\*\n.*\n(License: .*)$/.exec(text) ?? []
    return `${short}\n The text is in /${files}.`
  })
  const head = readFileSync(join(TEMPLATES, 'copyright'), 'utf8').trimEnd()
  return `${[head, ...sections, ...licenses].join('\n\n')}\n`
}

/** Gives every file and directory the modes that Debian policy 10.9 wants, and the time of the commit. */
function normalize(directory) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) continue
    const isProgram = entry.isFile() && /^#!/.test(readFileSync(path, { encoding: 'latin1' }).slice(0, 2))
    chmodSync(path, entry.isDirectory() || isProgram ? 0o755 : 0o644)
    utimesSync(path, epoch, epoch)
  }
  chmodSync(directory, 0o755)
}

/** Fills the tree of the package. @returns its size in KiB */
function fill(tree, scratch, manifest) {
  const { version } = manifest
  const library = join(tree, 'usr', 'share', 'iapeer')
  const installed = installTarball(packCli(scratch), join(scratch, 'prefix'))
  cpSync(installed, library, {
    recursive: true,
    filter: (path) => path !== join(installed, 'LICENSE') && !LEFT_OUT.test(path),
  })
  for (const [name, file] of Object.entries(manifest.bin)) {
    mkdirSync(join(tree, 'usr', 'bin'), { recursive: true })
    symlinkSync(join('..', 'share', 'iapeer', file), join(tree, 'usr', 'bin', name))
  }
  for (const [name, text] of manuals(version))
    write(join(tree, 'usr', 'share', 'man', 'man1', `${name}.gz`), gzip(text))
  const completion = join(tree, 'usr', 'share', 'bash-completion', 'completions', 'iapeer')
  write(completion, readFileSync(join(CLI, 'assets', 'completion.bash')))
  const documents = join(tree, 'usr', 'share', 'doc', 'iapeer')
  write(join(documents, 'copyright'), copyright(library))
  const date = run('date', ['-u', '-R', '-d', `@${epoch}`]).trim()
  const maintainer = 'The iapeer contributors <iapeer@users.noreply.github.com>'
  const change = `iapeer (${version}) unstable; urgency=medium\n\n  * Version ${version}.\n\n -- ${maintainer}  ${date}\n`
  write(join(documents, 'changelog.gz'), gzip(change))
  const overrides = join(tree, 'usr', 'share', 'lintian', 'overrides', 'iapeer')
  write(overrides, readFileSync(join(TEMPLATES, 'lintian-overrides')))
  return Number(run('du', ['-sk', '--apparent-size', tree]).split('\t')[0])
}

const scratch = mkdtempSync(join(tmpdir(), 'iapeer-deb-'))
try {
  if (!existsSync(join(CLI, 'dist', 'main.js'))) throw new Error('the CLI is not built: run pnpm build')
  const manifest = cliManifest()
  const tree = join(scratch, 'tree')
  mkdirSync(tree)
  const size = fill(tree, scratch, manifest)
  const control = readFileSync(join(TEMPLATES, 'control'), 'utf8')
    .replace('@VERSION@', manifest.version)
    .replace('@SIZE@', String(size))
  write(join(tree, 'DEBIAN', 'control'), control)
  const files = run('find', ['usr', '-type', 'f', '-print0'], { cwd: tree })
    .split('\0')
    .filter(Boolean)
    .sort()
  write(join(tree, 'DEBIAN', 'md5sums'), run('md5sum', files, { cwd: tree }))
  normalize(tree)
  const name = `iapeer_${manifest.version}_all.deb`
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) }
  const built = join(scratch, name)
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, built], { env })
  mkdirSync(resolve(output), { recursive: true })
  copyFileSync(built, join(resolve(output), name))
  process.stdout.write(`${join(resolve(output), name)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
