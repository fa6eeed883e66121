import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { daemonPid } from '../daemon/control.ts'
import { knownUnitFile, managerMissing, managerState, type ServiceCommand } from './manager.ts'
import { inspectServiceFile, type ServiceFileState } from './ownership.ts'
import { managerOf, type ServiceManager, type ServiceSystem, serviceFile } from './spec.ts'

/** Whether the user's services keep running without a login; undefined for launchd, which has no such setting. */
export function lingers(system: ServiceSystem): boolean | undefined {
  if (managerOf(system) === 'launchd') return undefined
  return existsSync(join(system.lingerDir, system.user))
}

/** The state of the service of a root. */
export interface ServiceStatus {
  readonly manager: ServiceManager
  /** Why the manager does not answer; undefined if it does. */
  readonly noManager: string | undefined
  readonly path: string
  /** Whether the file exists and iapeer wrote it for this root. */
  readonly installed: boolean
  /** Whether the file exists and iapeer did not write it; iapeer does not change such a file. */
  readonly foreign: boolean
  /** The root of the installed service, if that is another root. */
  readonly otherRoot: string | undefined
  readonly enabled: boolean
  readonly active: boolean
  readonly pid: number | undefined
  /** The state in the manager's own word: `active`, `failed`, ... */
  readonly managerState: string | undefined
  /** Why it is not running, if the manager reports it. */
  readonly why: string | undefined
  /** The program of the service that does not exist any more: without it the service cannot start or restart. */
  readonly missingProgram: string | undefined
  /** The pid of a daemon of the root that the service did not start. While it is running, the service cannot start. */
  readonly otherDaemon: number | undefined
  readonly lingers: boolean | undefined
}

const unescaped = (text: string): string => text.replace(/\\(.)|%(%)|\$(\$)/g, '$1$2$3')

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' }

/** Returns the programs in a generated file: Node.js and the script of the daemon. Pure. */
function namedPrograms(text: string): string[] {
  const [, node, entry] = /^ExecStart="([^"]+)" "((?:[^"\\]|\\.)+)"/m.exec(text) ?? []
  if (node !== undefined && entry !== undefined) return [node.replaceAll('%%', '%'), unescaped(entry)]
  const [, words = ''] = /<key>ProgramArguments<\/key>\s*<array>(.*?)<\/array>/s.exec(text) ?? []
  return [...words.matchAll(/<string>(.*?)<\/string>/gs)]
    .slice(0, 2)
    .map(([, word = '']) => word.replace(/&(?:amp|lt|gt);/g, (one) => ENTITIES[one] ?? one))
}

/**
 * Returns the programs without which the service cannot start. Where a drop-in file gives the unit another command, only the first word
 * of that command is known.
 */
function neededPrograms(text: string, command: ServiceCommand | undefined): string[] {
  const programs = namedPrograms(text)
  const isOwn = command === undefined || command.line.startsWith(programs.join(' '))
  return isOwn ? programs : [command.program]
}

/** Finds the file of the service: at its path, or a foreign file at another path from which the manager reads the unit. */
async function findService(
  root: string,
  system: ServiceSystem,
): Promise<{ readonly path: string; readonly found: ServiceFileState }> {
  const path = serviceFile(system)
  const found = await inspectServiceFile(path, root)
  const known = found.state === 'none' ? await knownUnitFile(system) : undefined
  const elsewhere = known === undefined ? undefined : await inspectServiceFile(known, root)
  return known !== undefined && elsewhere?.state === 'foreign'
    ? { path: known, found: elsewhere }
    : { path, found }
}

async function otherDaemonOf(root: string, servicePid: number | undefined): Promise<number | undefined> {
  const pid = await daemonPid(root)
  return pid === servicePid ? undefined : pid
}

/** Returns the state of the service of a root. It changes nothing. */
export async function serviceStatus(root: string, system: ServiceSystem): Promise<ServiceStatus> {
  const noManager = await managerMissing(system)
  const { path, found } = await findService(root, system)
  const installed = found.state === 'ours'
  const now = noManager === undefined && installed ? await managerState(system) : undefined
  return {
    manager: managerOf(system),
    noManager,
    path,
    installed,
    foreign: found.state === 'foreign',
    otherRoot: found.state === 'other' ? found.root : undefined,
    enabled: now?.enabled ?? false,
    active: now?.active ?? false,
    pid: now?.pid,
    managerState: now?.managerState,
    why: now?.why,
    missingProgram: installed
      ? neededPrograms(found.text, now?.command).find((program) => !existsSync(program))
      : undefined,
    otherDaemon: installed ? await otherDaemonOf(root, now?.pid) : undefined,
    lingers: lingers(system),
  }
}
