import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { serviceFile } from '../../service/spec.ts'
import { lingers } from '../../service/status.ts'
import { runsSystemd } from '../cgroup.ts'
import type { Check, DoctorContext, DoctorPaths, Finding } from '../finding.ts'
import { type ConfigFile, readDropIns, textIfThere } from '../read.ts'

/** systemd's configuration directories, in order of precedence (logind.conf(5)). */
const systemdDirectories = (paths: DoctorPaths): string[] =>
  [paths.etc, paths.run, paths.usrLocalLib, paths.usrLib].map((directory) => join(directory, 'systemd'))

/** Reads the first main file that exists, then the drop-ins. A later setting overrides an earlier one. */
async function logindFiles(paths: DoctorPaths): Promise<ConfigFile[]> {
  const directories = systemdDirectories(paths)
  const files: ConfigFile[] = []
  for (const directory of directories) {
    const path = join(directory, 'logind.conf')
    const text = files.length === 0 ? await textIfThere(path) : undefined
    if (text !== undefined) files.push({ path, text })
  }
  const dropIns = directories.map((directory) => join(directory, 'logind.conf.d'))
  return [...files, ...(await readDropIns(dropIns, '.conf'))]
}

interface Setting {
  readonly value: string
  readonly path: string
}

/** Returns the settings of the section `[Login]`; the last one of each name counts. Pure. */
function loginSettings(files: readonly ConfigFile[]): Map<string, Setting> {
  const settings = new Map<string, Setting>()
  for (const { path, text } of files) {
    let section = ''
    for (const line of text.split('\n')) {
      const [, name] = /^\s*\[(.*)\]\s*$/.exec(line) ?? []
      if (name !== undefined) section = name
      const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
      if (section === 'Login' && key !== undefined && value !== undefined) settings.set(key, { value, path })
    }
  }
  return settings
}

/** Returns the setting that makes a logout kill this user's processes; undefined if there is none. */
function killedBy(settings: Map<string, Setting>, user: string): Setting | undefined {
  const kill = settings.get('KillUserProcesses')
  if (kill === undefined || !/^(1|yes|y|true|t|on)$/i.test(kill.value)) return undefined
  const words = (name: string): string[] => settings.get(name)?.value.split(/\s+/).filter(Boolean) ?? []
  const only = words('KillOnlyUsers')
  if (only.length > 0) return only.includes(user) ? kill : undefined
  return (settings.has('KillExcludeUsers') ? words('KillExcludeUsers') : ['root']).includes(user)
    ? undefined
    : kill
}

async function runLogout(context: DoctorContext): Promise<Finding[]> {
  const { paths, system } = context
  if (!runsSystemd(context)) return []
  const stays = lingers(system) === true
  const kill = killedBy(loginSettings(await logindFiles(paths)), system.user)
  const fix = `loginctl enable-linger ${system.user}`
  if (kill !== undefined)
    return [
      {
        id: 'logout-kills',
        level: stays ? 'note' : 'warning',
        what: stays
          ? 'a logout kills the processes of that login (KillUserProcesses=yes); peers that the service started keep running'
          : 'a logout kills every peer of this user (KillUserProcesses=yes)',
        where: kill.path,
        fix: stays ? 'Start the peers through the service: iapeer service install' : fix,
      },
    ]
  if (stays)
    return [{ id: 'linger', level: 'ok', what: `services of ${system.user} keep running after a logout` }]
  const installed = existsSync(serviceFile(system))
  return [
    {
      id: 'linger-off',
      level: installed ? 'warning' : 'note',
      what: installed
        ? `the last logout of ${system.user} stops the daemon and the scopes in which peers run`
        : `the last logout of ${system.user} stops this user's service manager and the scopes that it created`,
      fix,
    },
  ]
}

export const logout: Check = { id: 'logout', title: 'Logout', group: 'host', run: runLogout }
