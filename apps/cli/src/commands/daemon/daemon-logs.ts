import { IapeerError } from '@iapeer/core/errors'
import { daemonPaths, iapeerRoot } from '@iapeer/core/paths'
import { DAEMON_LOG_FORMAT } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { type PrintOptions, printFile } from '../../follow-file.ts'
import { hasColours, plain } from '../../output.ts'

/** Returns a formatter of whole lines. It keeps an incomplete line until the next piece, or the end of the file. */
async function lineFormatter(): Promise<PrintOptions['format']> {
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({ ...DAEMON_LOG_FORMAT, colorize: hasColours })
  let incomplete = ''
  return (text, isLast) => {
    const lines = `${incomplete}${text}`.split('\n')
    incomplete = lines.pop() ?? ''
    if (isLast && incomplete !== '') lines.push(incomplete)
    if (isLast) incomplete = ''
    // pino-pretty prints a line that is not JSON unchanged.
    return lines.map((line) => pretty(plain(line))).join('')
  }
}

export default defineCommand({
  name: 'daemon logs',
  summary: 'print the log of the daemon',
  options: {
    follow: { short: 'f', help: 'keep printing new lines' },
    json: { help: 'print the file unchanged, one JSON object per line' },
  },
  run: async ({ options }) => {
    const path = daemonPaths(iapeerRoot()).log
    const format = options.json ? (text: string) => text : await lineFormatter()
    const found = await printFile(path, { follow: options.follow, format })
    if (!found)
      throw new IapeerError('the daemon has not logged anything yet', {
        code: 'not-running',
        hint: 'Start it: iapeer daemon start',
      })
  },
})
