import { IapeerError } from '../errors.ts'
import { splitWords } from './split-words.ts'

/** What a runtime is forbidden to use: nothing was said, nothing is forbidden, or these are. */
export type DisallowedTools =
  | { readonly kind: 'unset' }
  | { readonly kind: 'none' }
  | { readonly kind: 'set'; readonly tools: string }

/** The content of a `launch.env`. */
export interface LaunchEnv {
  /** Everything but the two names below, in the order of the file; of two equal names the later wins. */
  readonly env: Readonly<Record<string, string>>
  /** `PEER_START_ARGS` as words: split on blanks, quotes respected. */
  readonly startArgs: readonly string[]
  /** `PEER_DISALLOWED_TOOLS`: absent, empty and set are three different things. */
  readonly disallowedTools: DisallowedTools
}

const ASSIGNMENT = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

/** The value after `=`, or what is wrong with it. Nothing in it is expanded or run. */
function parseValue(text: string): { readonly value: string } | { readonly problem: string } {
  const quote = text[0]
  if (quote !== '"' && quote !== "'") return { value: text.replace(/(^|[ \t]+)#.*$/, '').trimEnd() }
  const match = (quote === '"' ? /^"((?:[^"\\]|\\.)*)"(.*)$/ : /^'([^']*)'(.*)$/).exec(text)
  const [, inner, rest] = match ?? []
  if (inner === undefined || rest === undefined) return { problem: `the ${quote} that opens is never closed` }
  if (!/^[ \t]*(#.*)?$/.test(rest)) return { problem: 'text after the closing quote' }
  if (quote === "'") return { value: inner }
  return { value: inner.replace(/\\(.)/g, (_all, one: string) => ESCAPES[one] ?? one) }
}

function disallowedTools(value: string | undefined): DisallowedTools {
  if (value === undefined) return { kind: 'unset' }
  return value.trim() === '' ? { kind: 'none' } : { kind: 'set', tools: value.trim() }
}

/**
 * Reads `KEY=VALUE` lines: `export` before the name, blank lines, `#` comments, single quotes (literal) and double quotes
 * (`\n`, `\t`, `\"`, `\\`). No variable is expanded and no command run.
 * @param where names the file in errors
 * @throws IapeerError `invalid-launch-env`, with the number of the line
 */
export function parseLaunchEnv(text: string, where = 'launch.env'): LaunchEnv {
  const env: Record<string, string> = Object.create(null)
  const refuse = (line: number, problem: string): never => {
    throw new IapeerError(`${where}, line ${line}: ${problem}`, {
      code: 'invalid-launch-env',
      hint: 'A line is KEY=VALUE, a comment after #, or empty; quote a value with blanks at its ends or a # in it.',
    })
  }
  for (const [at, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [, key, rest] = ASSIGNMENT.exec(line) ?? []
    if (key === undefined || rest === undefined) return refuse(at + 1, 'not KEY=VALUE')
    if (line.includes('\0')) return refuse(at + 1, 'a NUL character')
    const parsed = parseValue(rest)
    if ('problem' in parsed) return refuse(at + 1, parsed.problem)
    env[key] = parsed.value
  }
  const { PEER_START_ARGS: startArgs, PEER_DISALLOWED_TOOLS: tools, ...others } = env
  const words = splitWords(startArgs ?? '')
  if (words === undefined)
    throw new IapeerError(`${where}: PEER_START_ARGS has a quote that is never closed`, {
      code: 'invalid-launch-env',
      hint: 'Close it, or put a backslash before a quote that is meant as it stands.',
    })
  return { env: others, startArgs: words, disallowedTools: disallowedTools(tools) }
}
