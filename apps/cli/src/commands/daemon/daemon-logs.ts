import { IapeerError } from '@iapeer/core/errors'
import { daemonPaths, iapeerRoot } from '@iapeer/core/paths'
import { DAEMON_LOG_FORMAT } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { type PrintOptions, printFile } from '../../follow-file.ts'
import { hasColours, plain } from '../../output.ts'

/** Whole lines alone can be put in words: the beginning of one waits for the next piece, or for the end of the file. */
async function inWords(): Promise<PrintOptions['shown']> {
  const { prettyFactory } = await import('pino-pretty')
  const words = prettyFactory({ ...DAEMON_LOG_FORMAT, colorize: hasColours })
  let begun = ''
  return (text, isLast) => {
    const lines = `${begun}${text}`.split('\n')
    begun = lines.pop() ?? ''
    if (isLast && begun !== '') lines.push(begun)
    if (isLast) begun = ''
    // What is no line of the log is printed as it is.
    return lines.map((line) => words(plain(line))).join('')
  }
}

export default defineCommand({
  name: 'daemon logs',
  summary: 'what it has logged',
  options: {
    follow: { short: 'f', help: 'go on and print what comes' },
    json: { help: 'as it is written, one JSON object a line' },
  },
  run: async ({ options }) => {
    const path = daemonPaths(iapeerRoot()).log
    const shown = options.json ? (text: string) => text : await inWords()
    const found = await printFile(path, { follow: options.follow, shown })
    if (!found)
      throw new IapeerError('the daemon has logged nothing yet', {
        code: 'not-running',
        hint: 'iapeer daemon start',
      })
  },
})
