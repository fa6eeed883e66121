import { IapeerError } from '@iapeer/core/errors'
import { daemonPlace, iapeerRoot } from '@iapeer/core/paths'
import { defineCommand } from '../../define-command.ts'
import { printFile } from '../../follow-file.ts'
import { localTime, paint, plain } from '../../output.ts'

/** The numbers that pino gives to levels, from which on there is something to see to. */
const WARN = 40
const ERROR = 50
const NOT_SHOWN = new Set(['level', 'time', 'pid', 'msg', 'err'])

function inWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function messageOf(error: unknown): string[] {
  return typeof error === 'object' && error !== null && 'message' in error ? [inWords(error.message)] : []
}

/** One line for a person; what is no line of the log stays as it is. */
function worded(line: string): string {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return plain(line)
    throw error
  }
  const fields: Record<string, unknown> = typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  const level = Number(fields['level'])
  const style = level >= ERROR ? 'red' : level >= WARN ? 'yellow' : 'bold'
  const rest = Object.entries(fields).flatMap(([name, value]) =>
    NOT_SHOWN.has(name) ? [] : [paint('dim', `${name}=${plain(inWords(value))}`)],
  )
  const message = paint(style, plain(inWords(fields['msg'] ?? '')))
  return [localTime(String(fields['time'])), message, ...messageOf(fields['err']).map(plain), ...rest].join(
    '  ',
  )
}

/** Whole lines alone can be put in words; the end of one that is being written comes with the next piece. */
function inLines(): (text: string) => string {
  let begun = ''
  return (text) => {
    const lines = `${begun}${text}`.split('\n')
    begun = lines.pop() ?? ''
    return lines.map((line) => `${worded(line)}\n`).join('')
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
    const path = daemonPlace(iapeerRoot()).log
    const shown = options.json ? (text: string) => text : inLines()
    const found = await printFile(path, { follow: options.follow, shown })
    if (!found)
      throw new IapeerError('the daemon has logged nothing yet', {
        code: 'not-running',
        hint: 'iapeer daemon start',
      })
  },
})
