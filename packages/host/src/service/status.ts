import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { daemonPid } from '../daemon/control.ts'
import { knownUnitFile, managerMissing, managerState } from './manager.ts'
import { lookAtServiceFile, type ServiceFileState } from './ownership.ts'
import { managerOf, type ServiceManager, type ServiceSystem, serviceFile } from './spec.ts'

/** Whether the user's services live on without a login; undefined where the manager knows no such thing. */
export function lingers(system: ServiceSystem): boolean | undefined {
  if (managerOf(system) === 'launchd') return undefined
  return existsSync(join(system.lingerDir, system.user))
}

export interface ServiceStatus {
  readonly manager: ServiceManager
  /** Why the manager does not answer; undefined when it does. */
  readonly noManager: string | undefined
  readonly path: string
  /** Our file, for this root. */
  readonly installed: boolean
  /** A file of somebody else's is in its place; iapeer leaves it alone. */
  readonly foreign: boolean
  /** The root that the installed service is for, where that is another one. */
  readonly otherRoot: string | undefined
  readonly enabled: boolean
  readonly active: boolean
  readonly pid: number | undefined
  /** The manager's own word: `active`, `failed`, ... */
  readonly said: string | undefined
  /** Why it does not run, where the manager tells. */
  readonly why: string | undefined
  /** What the service is to run and is not there any more: it cannot start, or not again. */
  readonly gone: string | undefined
  /** The daemon of the root, where that is not the service's: the service cannot start while it runs. */
  readonly otherDaemon: number | undefined
  readonly lingers: boolean | undefined
}

const unescaped = (text: string): string => text.replace(/\\(.)|%(%)|\$(\$)/g, '$1$2$3')

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' }

/** The programs that a file of ours names: Node.js, and the script of the daemon. Pure. */
function namedPrograms(text: string): string[] {
  const [, node, entry] = /^ExecStart="([^"]+)" "((?:[^"\\]|\\.)+)"/m.exec(text) ?? []
  if (node !== undefined && entry !== undefined) return [node.replaceAll('%%', '%'), unescaped(entry)]
  const [, words = ''] = /<key>ProgramArguments<\/key>\s*<array>(.*?)<\/array>/s.exec(text) ?? []
  return [...words.matchAll(/<string>(.*?)<\/string>/gs)]
    .slice(0, 2)
    .map(([, word = '']) => word.replace(/&(?:amp|lt|gt);/g, (one) => ENTITIES[one] ?? one))
}

/** Ours, or that of somebody else, in its place or wherever the manager has found it. */
async function findService(
  root: string,
  system: ServiceSystem,
): Promise<{ readonly path: string; readonly found: ServiceFileState }> {
  const path = serviceFile(system)
  const found = await lookAtServiceFile(path, root)
  const known = found.state === 'none' ? await knownUnitFile(system) : undefined
  const elsewhere = known === undefined ? undefined : await lookAtServiceFile(known, root)
  return known !== undefined && elsewhere?.state === 'foreign'
    ? { path: known, found: elsewhere }
    : { path, found }
}

async function otherDaemonOf(root: string, servicePid: number | undefined): Promise<number | undefined> {
  const pid = await daemonPid(root)
  return pid === servicePid ? undefined : pid
}

/** How the service of a root is. Reads only. */
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
    said: now?.said,
    why: now?.why,
    gone: installed ? namedPrograms(found.text).find((program) => !existsSync(program)) : undefined,
    otherDaemon: installed ? await otherDaemonOf(root, now?.pid) : undefined,
    lingers: lingers(system),
  }
}
