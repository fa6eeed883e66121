import { IapeerError } from '@iapeer/core/errors'
import { withMallocEnv } from '../daemon/malloc-env.ts'
import { markerOf } from './ownership.ts'
import type { ServiceSpec } from './spec.ts'

/** The time without a watchdog message after which systemd restarts the daemon, in seconds. */
const WATCHDOG_SECS = 60

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '%': '%%',
}

const hex = (code: number): string =>
  code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`

/** Quotes one word. `%` begins a specifier, `\` an escape (systemd.syntax(7), systemd.unit(5)). */
function quoted(text: string): string {
  return `"${text.replace(/[\\"%\p{Cc}]/gu, (char) => ESCAPES[char] ?? hex(char.charCodeAt(0)))}"`
}

/** Quotes an argument. systemd expands variables in arguments, and `$$` is a dollar; it expands none in the program (systemd.service(5)). */
const argument = (text: string): string => quoted(text.replaceAll('$', '$$$$'))

/** Quotes the program. @throws IapeerError `invalid-path` if systemd cannot run it, however the path is quoted */
function program(path: string): string {
  if (!/["'\\\p{Cc}]/u.test(path)) return quoted(path)
  throw new IapeerError(`systemd cannot run a program whose path has quotes or backslashes: ${path}`, {
    code: 'invalid-path',
    hint: 'Use a Node.js installation in another directory.',
  })
}

/** Returns the systemd user unit of the daemon. Pure. @throws IapeerError `invalid-path` */
export function renderSystemdUnit(spec: ServiceSpec): string {
  const env = Object.entries(withMallocEnv({ ...spec.env, PATH: spec.path }))
  return `# ${markerOf(spec.root)}
# "iapeer service install" writes this file and overwrites your changes. "iapeer service uninstall" removes it.
# Put your own settings into a drop-in file: systemctl --user edit iapeerd

[Unit]
Description=iapeer daemon: supervises command-line agents and records why they died

[Service]
Type=notify
NotifyAccess=all
ExecStart=${program(spec.node)} ${[spec.entry, '--foreground', '--root', spec.root].map(argument).join(' ')}
${env.map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`).join('\n')}
WatchdogSec=${WATCHDOG_SECS}
Restart=on-failure
RestartSec=3
# The daemon exits within 5 s.
TimeoutStopSec=10
# Peers keep running when the daemon stops: systemd stops only the daemon, and an out-of-memory kill of a peer does not stop this unit.
KillMode=process
OOMPolicy=continue

[Install]
WantedBy=default.target
`
}
