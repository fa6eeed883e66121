import { IapeerError } from '../errors/index.ts'
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

const ASSIGNMENT = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' }

type Parsed = { readonly value: string } | { readonly problem: string }

/** Up to a `#` after a blank, outside of quotes and not behind a backslash. */
function parseBare(text: string): Parsed {
  let quote = ''
  let afterBlank = false
  for (let at = 0; at < text.length; at++) {
    const one = text.charAt(at)
    if (one === '#' && quote === '' && afterBlank) return { value: text.slice(0, at).trimEnd() }
    afterBlank = one === ' ' || one === '\t'
    if (one === '\\' && quote !== "'") at++
    else if (quote !== '') quote = one === quote ? '' : quote
    else if (one === '"' || one === "'") quote = one
  }
  return { value: text.trimEnd() }
}

/** The value after `=`, or what is wrong with it. Nothing in it is expanded or run. */
function parseValue(text: string): Parsed {
  const quote = text.charAt(0)
  if (quote !== '"' && quote !== "'") return parseBare(text)
  let close = 1
  while (close < text.length && text[close] !== quote) close += quote === '"' && text[close] === '\\' ? 2 : 1
  if (close >= text.length) return { problem: `the ${quote} that opens is never closed` }
  const rest = text.slice(close + 1).trimStart()
  if (rest !== '' && !rest.startsWith('#')) return { problem: 'text after the closing quote' }
  const inner = text.slice(1, close)
  return {
    value: quote === "'" ? inner : inner.replace(/\\([\s\S])/g, (all, one: string) => ESCAPES[one] ?? all),
  }
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
    if (/^[ \t]/.test(rest)) return refuse(at + 1, 'a blank after =')
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
