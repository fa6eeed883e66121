import { IapeerError } from '@iapeer/core/errors'
import { markOf } from './ownership.ts'
import type { ServiceSpec } from './spec.ts'

/** How long the daemon may be silent before it is started again, in seconds. */
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

/** One word between quotes; `%` begins a specifier, `\` an escape (systemd.syntax(7), systemd.unit(5)). */
function quoted(text: string): string {
  return `"${text.replace(/[\\"%\p{Cc}]/gu, (char) => ESCAPES[char] ?? hex(char.charCodeAt(0)))}"`
}

/** Arguments have variables put in; `$$` is a dollar (systemd.service(5)). The program itself has none. */
const argument = (text: string): string => quoted(text.replaceAll('$', '$$$$'))

/** @throws IapeerError `invalid-path`: systemd takes no such program, however it is written */
function program(path: string): string {
  if (!/["'\\\p{Cc}]/u.test(path)) return quoted(path)
  throw new IapeerError(`systemd runs no program with quotes or backslashes in its path: ${path}`, {
    code: 'invalid-path',
    hint: 'Use a Node.js in another directory.',
  })
}

/** The systemd user unit of the daemon. Pure. @throws IapeerError `invalid-path` */
export function renderSystemdUnit(spec: ServiceSpec): string {
  const env = Object.entries({ ...spec.env, PATH: spec.path })
  return `# ${markOf(spec.root)}
# Written by: iapeer service install. It would be replaced; iapeer service uninstall removes it.

[Unit]
Description=iapeer, which explains every death of your agents

[Service]
Type=notify
NotifyAccess=all
ExecStart=${program(spec.node)} ${[spec.entry, '--foreground', '--root', spec.root].map(argument).join(' ')}
${env.map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`).join('\n')}
WatchdogSec=${WATCHDOG_SECS}
Restart=on-failure
RestartSec=3
# It ends within 5 s by itself.
TimeoutStopSec=10
# The peers outlive the daemon: only its own process is ended, and no loss of one of theirs ends it.
KillMode=process
OOMPolicy=continue

[Install]
WantedBy=default.target
`
}
