import { join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { markOf } from './ownership.ts'
import { LAUNCHD_LABEL, type ServiceSpec } from './spec.ts'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** What no XML 1.0 text can hold (https://www.w3.org/TR/xml/#charsets), and CR, which readers turn into LF. */
const UNSAYABLE = /[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

function element(tag: 'string' | 'key', text: string): string {
  if (!UNSAYABLE.test(text))
    return `<${tag}>${text.replace(/[&<>]/g, (char) => ESCAPES[char] ?? char)}</${tag}>`
  throw new IapeerError(`a property list cannot hold ${JSON.stringify(text)}`, {
    code: 'invalid-path',
    hint: 'Use a path without control characters.',
  })
}

const string = (text: string): string => element('string', text)

function dictionary(values: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(values).map(
    ([name, value]) => `    ${element('key', name)}\n    ${string(value)}`,
  )
  return `<dict>\n${pairs.join('\n')}\n  </dict>`
}

/** What the daemon prints before it has a log of its own. */
export const launchdOutput = (root: string): string =>
  join(rootLayout(root, {}).records.recordDir, 'daemon-output.log')

/** The launchd agent of the daemon (launchd.plist(5)). Pure. @throws IapeerError `invalid-path` */
export function renderLaunchdPlist(spec: ServiceSpec): string {
  const argv = [spec.node, spec.entry, '--foreground', '--root', spec.root]
  const output = string(launchdOutput(spec.root))
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${markOf(spec.root)} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LAUNCHD_LABEL}</string>
  <key>IapeerRoot</key>
  ${string(spec.root)}
  <key>ProgramArguments</key>
  <array>
${argv.map((word) => `    ${string(word)}`).join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  ${dictionary({ ...spec.env, PATH: spec.path })}
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <!-- The peers outlive the daemon. -->
  <key>AbandonProcessGroup</key>
  <true/>
  <!-- Else macOS slows down the daemon, and the peers that it starts. -->
  <key>ProcessType</key>
  <string>Interactive</string>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>StandardOutPath</key>
  ${output}
  <key>StandardErrorPath</key>
  ${output}
</dict>
</plist>
`
}
