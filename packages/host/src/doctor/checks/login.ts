import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { serviceFile } from '../../service/spec.ts'
import { lingers } from '../../service/status.ts'
import { runsSystemd } from '../cgroup.ts'
import type { Check, DoctorContext, DoctorPaths, Finding } from '../finding.ts'
import { type ConfigFile, readDropIns, textIfThere } from '../read.ts'

/** systemd's directories for configuration, the strongest first (logind.conf(5)). */
const systemdDirectories = (paths: DoctorPaths): string[] =>
  [paths.etc, paths.run, paths.usrLocalLib, paths.usrLib].map((directory) => join(directory, 'systemd'))

/** The main file, of which the first there is counts, then the drop-ins; what comes later wins. */
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

/** The settings of the section `[Login]`, the last of each name. Pure. */
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

/** Which file makes a logout kill this user's processes; undefined when none does. */
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
          ? 'a logout kills what was started in that login (KillUserProcesses=yes); what the service starts stays'
          : 'a logout kills every peer of this user (KillUserProcesses=yes)',
        where: kill.path,
        fix: stays ? 'Let the service start the peers: iapeer service install' : fix,
      },
    ]
  if (stays) return [{ id: 'linger', level: 'ok', what: `services of ${system.user} outlive a logout` }]
  const installed = existsSync(serviceFile(system))
  return [
    {
      id: 'linger-off',
      level: installed ? 'warning' : 'note',
      what: installed
        ? `the last logout of ${system.user} ends the daemon, and the scopes that peers run in`
        : `the last logout of ${system.user} ends this user's service manager, and the scopes that it made`,
      fix,
    },
  ]
}

export const logout: Check = { id: 'logout', title: 'What a logout ends', group: 'host', run: runLogout }
