import { readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { ifExists } from '../../if-exists.ts'
import { table } from '../../table.ts'
import { MAIN, shellQuoted } from './launcher.ts'
import { completionLines, pathLines } from './shell-lines.ts'
import type { Survey } from './survey.ts'

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))

/** Names the links to man pages. */
export const manPagesText = (links: readonly string[]): string =>
  `${links.length} links to man pages in ${dirname(links[0] ?? '')}`

/** What a person has asked for. */
interface Plan {
  /** Undefined: it is asked next. */
  readonly choice: 'stop' | 'keep' | undefined
  readonly deletesRecords: boolean
}

/** Returns what becomes of peers or watches. */
function fateOf(names: readonly string[], choice: Plan['choice']): string {
  if (names.length === 0 || choice === undefined) return ''
  return choice === 'stop' ? ': will be stopped' : ': will keep running'
}

/** Returns what an uninstallation would stop, remove and keep. */
export function planText(root: string, found: Survey, { choice, deletesRecords }: Plan): string {
  const watched = found.watches.map(({ identity }) => identity)
  const { peers, daemonPid, service, launcher, completions, manPages } = found
  const removed = [
    ...(service?.isOurs === true ? [service.path] : []),
    ...(launcher.state === 'ours' ? [launcher.path] : []),
    ...completions,
    ...(manPages.length === 0 ? [] : [manPagesText(manPages)]),
    ...(deletesRecords ? [`records, messages, logs and the state that no peer needs in ${root}`] : []),
  ]
  const rows = [
    ['  running peers', `${listed(peers)}${fateOf(peers, choice)}`],
    ['  watches', `${listed(watched)}${fateOf(watched, choice)}`],
    ['  daemon', daemonPid === undefined ? 'not running' : `pid ${daemonPid}: will be stopped`],
    ...(removed.length === 0 ? ['nothing'] : removed).map((path, at) => [at === 0 ? '  removes' : '', path]),
    [
      '  keeps',
      `profiles and homes of peers, settings${deletesRecords ? '' : ', records, messages'} in ${root}`,
    ],
  ]
  return `iapeer uninstall\n${table(rows)}\n`
}

/** Where the Debian package has the program. */
const DEBIAN = '/usr/share/iapeer'

/** Where pnpm 12 has global packages: links of its store. Earlier versions have them in `pnpm/global`. */
const PNPM_STORE = /\/store\/v\d+\/links\//

/** Returns how npm removes the package that is in `<directory>/node_modules`: a global one is in the `lib` of its prefix. */
function npmRemoval(directory: string): string {
  const isGlobal = basename(directory) === 'lib'
  const prefix = shellQuoted(isGlobal ? dirname(directory) : directory)
  return `npm uninstall ${isGlobal ? '--global ' : ''}--prefix ${prefix} @iapeer/cli`
}

/**
 * Returns where a program is, and the command that removes it: a package of Debian, Homebrew, npm or pnpm, or a clone.
 * @param main the file that Node.js runs, without symbolic links
 */
export function removalOf(main: string): readonly [path: string, command: string] {
  const app = dirname(dirname(main))
  if (app === DEBIAN) return [app, 'sudo apt remove iapeer']
  if (app.includes(`${sep}Cellar${sep}iapeer${sep}`)) return [app, 'brew uninstall iapeer']
  const [project = '', ...below] = app.split(join(sep, 'node_modules', sep))
  const isInStore = PNPM_STORE.test(app)
  if (isInStore || app.includes(`${sep}.pnpm${sep}`)) {
    const isGlobal = isInStore || app.includes(join(sep, 'pnpm', 'global', sep))
    return [app, `pnpm ${isGlobal ? 'remove --global' : `--dir ${shellQuoted(project)} remove`} @iapeer/cli`]
  }
  if (below.length > 0) return [app, npmRemoval(project)]
  const clone = app.endsWith(join(sep, 'apps', 'cli')) ? dirname(dirname(app)) : app
  return [clone, `rm -rf ${shellQuoted(clone)}`]
}

/** Returns how to reach the peers that keep running, and what no longer works. */
export function keptText(root: string, { sessions, watches }: Survey): string {
  const rows = sessions.map(({ identity, socketPath }) => [
    `  ${identity}`,
    `tmux -S ${shellQuoted(socketPath)} attach`,
  ])
  const watched = watches.map(({ identity, socketPath }) => [`  ${identity}`, `watched: ${socketPath}`])
  return `
These keep running, and their recorders write their deaths to ${join(root, 'logs', 'iapeer', 'exits.log')}:
${table([...rows, ...watched])}
No peer is restarted, suspended or started for a message, and no notification is sent. A death that tmux
misses is not recorded before the next iapeer command. Do not delete ${root} while they run:
their sockets and recorders are in it. To stop them: node ${shellQuoted(MAIN)} uninstall --stop-peers`
}

/** Names an entry of the root. */
const named = (entry: string): string => (entry === 'peers' ? 'peers (homes)' : entry)

interface Staying {
  readonly linked: readonly string[]
  /** Whether peers keep running, which need the root. */
  readonly isKept: boolean
}

/** Returns the homes that are not in the root, wherever links lead; a home that is missing is left out. */
async function homesOutside(root: string, homes: readonly string[]): Promise<readonly string[]> {
  const realRoot = (await ifExists(realpath(root))) ?? root
  const reals = await Promise.all(homes.map((home) => ifExists(realpath(home))))
  return homes.filter((_home, at) => reals[at]?.startsWith(`${realRoot}${sep}`) === false)
}

/** Returns what stays, each with the way to remove it. */
export async function staysText(root: string, found: Survey, { linked, isKept }: Staying): Promise<string> {
  const entries = (await ifExists(readdir(root))) ?? []
  const foreignHomes = await homesOutside(root, found.homes)
  const { launcher, service } = found
  const [path, command] = removalOf(MAIN)
  const deletion = `to delete it${isKept ? ', once no peer runs' : ''}: rm -rf ${shellQuoted(root)}`
  const rows = [
    ...(entries.length === 0 ? [] : [[`  ${root}`, `${entries.sort().map(named).join(', ')}; ${deletion}`]]),
    ...foreignHomes.map((home) => [`  ${home}`, 'the home of a peer; iapeer did not put it into its root']),
    ...linked.map((target) => [`  ${target}`, 'was linked from the root; delete it yourself']),
    ...(await completionLines()).map((line) => [`  ${line}`, 'names iapeer; delete that line']),
    ...(await pathLines()).map((line) => [
      `  ${line}`,
      'puts ~/.local/bin on your PATH; delete that line if you added it for iapeer only',
    ]),
    ...(service?.isOurs === false
      ? [[`  ${service.path}`, 'the service of another root, or not made by iapeer']]
      : []),
    ...(launcher.state === 'foreign' ? [[`  ${launcher.path}`, 'was not made by iapeer']] : []),
    ...(launcher.state === 'other'
      ? [[`  ${launcher.path}`, `starts ${launcher.main}, another iapeer`]]
      : []),
    [`  ${path}`, `this program; to delete it: ${command}`],
  ]
  return `\nWhat stays:\n${table(rows)}`
}
