import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram, isProgram } from '@iapeer/core/exec'
import { loadScript } from '@iapeer/core/locate'
import { namesIn, replaceFile } from '@iapeer/core/storage'

const SCRIPT = 'codex-pane.sh'
/** How long the app-server may take to come up, in tenths of a second. It takes two on an idle machine. */
const LIMIT_TENTHS = 150

/** The socket of the app-server in the directory of its session. */
export const appServerSocket = (directory: string): string => join(directory, 'app.sock')

/** The file that exists where the TUI of a session runs without an app-server of its own. */
export const embeddedMark = (directory: string): string => join(directory, 'embedded')

const inDirectories = async (parent: string, matches: (name: string) => boolean): Promise<string[]> =>
  (await namesIn(parent, { ignoreMissingDirectory: true })).filter(matches).map((name) => join(parent, name))

/**
 * Returns the native program that the launcher of the npm package starts; undefined if the program is not that launcher.
 * The launcher is a Node.js program that can outlive its child or leave it behind when it is killed, and costs 42 MB.
 */
async function nativeProgram(launcher: string): Promise<string | undefined> {
  const real = await realpath(launcher)
  const [, scope] = /^(.*\/@openai)\/codex\/bin\/codex\.js$/s.exec(real) ?? []
  if (scope === undefined) return undefined
  const platform = `codex-${process.platform}-${process.arch}`
  const own = join(scope, 'codex')
  const packages = [join(scope, platform), join(own, 'node_modules', '@openai', platform), own]
  const vendors = await Promise.all(packages.map((one) => inDirectories(join(one, 'vendor'), () => true)))
  for (const vendor of vendors.flat()) {
    const program = join(vendor, 'bin', 'codex')
    if (await isProgram(program)) return program
  }
  return undefined
}

/**
 * Returns the words that start Codex, with its native program in place of the launcher of the npm package where there is one.
 * @param program the words of a wrapper, if there is one, and the program
 */
export async function withNativeProgram(
  program: readonly string[],
  { path, cwd }: { readonly path: string; readonly cwd: string },
): Promise<readonly string[]> {
  const name = program.at(-1)
  if (name === undefined) return program
  const found = await findProgram(name, path, cwd)
  const native = found === undefined ? undefined : await nativeProgram(found)
  return native === undefined ? program : [...program.slice(0, -1), native]
}

/** The command lines of a pane of Codex. */
interface PaneCommands {
  readonly server: readonly string[]
  readonly tui: readonly string[]
  /** For an app-server that does not come up. */
  readonly embedded: readonly string[]
}

/**
 * Copies the script of a pane into the directory of the session, where an upgrade does not change it, and returns its command line.
 * @throws IapeerError `scripts-missing`, `package-missing`; the Node.js system error
 */
export async function paneCommand(
  directory: string,
  { server, tui, embedded }: PaneCommands,
): Promise<readonly string[]> {
  const script = join(directory, SCRIPT)
  await replaceFile(script, await loadScript('lifecycle', SCRIPT, import.meta.url))
  const counts = [LIMIT_TENTHS, server.length, tui.length].map(String)
  return ['/bin/sh', script, directory, ...counts, ...server, ...tui, ...embedded]
}

/** Notes that the TUI of a session runs without an app-server of its own. */
export const markEmbedded = (directory: string): Promise<void> => replaceFile(embeddedMark(directory), '')
