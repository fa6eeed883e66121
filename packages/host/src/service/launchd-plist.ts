import { join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { markerOf } from './ownership.ts'
import { LAUNCHD_LABEL, type ServiceSpec } from './spec.ts'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** The characters that XML 1.0 text cannot contain (https://www.w3.org/TR/xml/#charsets), and CR, which parsers convert to LF. */
const NOT_XML = /[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

function element(tag: 'string' | 'key', text: string): string {
  if (!NOT_XML.test(text))
    return `<${tag}>${text.replace(/[&<>]/g, (char) => ESCAPES[char] ?? char)}</${tag}>`
  throw new IapeerError(`a property list cannot contain ${JSON.stringify(text)}`, {
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

/** Returns the file that receives the standard output and error of the daemon, which it uses before it opens its log. */
export const launchdOutput = (root: string): string =>
  join(rootLayout(root, {}).records.recordDir, 'daemon-output.log')

/** Returns the launchd agent of the daemon (launchd.plist(5)). Pure. @throws IapeerError `invalid-path` */
export function renderLaunchdPlist(spec: ServiceSpec): string {
  const argv = [spec.node, spec.entry, '--foreground', '--root', spec.root]
  const output = string(launchdOutput(spec.root))
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${markerOf(spec.root)} -->
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
  <!-- Peers keep running when the daemon stops. -->
  <key>AbandonProcessGroup</key>
  <true/>
  <!-- Prevents macOS from slowing down the daemon and the peers that it starts. -->
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
