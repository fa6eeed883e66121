import { IapeerError } from '../errors/index.ts'
import { splitWords } from './split-words.ts'

/** The tools that the agent must not use: not stated, none, or a list. */
export type DisallowedTools =
  | { readonly kind: 'unset' }
  | { readonly kind: 'none' }
  | { readonly kind: 'set'; readonly tools: string }

/** The content of a `launch.env`. */
export interface LaunchEnv {
  /** All variables except the two below, in the order of the file. Of two equal names the later wins. */
  readonly env: Readonly<Record<string, string>>
  /** The words of `PEER_START_ARGS`, which may be quoted. */
  readonly startArgs: readonly string[]
  /** `PEER_DISALLOWED_TOOLS`, which can be absent, empty or set. */
  readonly disallowedTools: DisallowedTools
}

const ASSIGNMENT = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' }

type Parsed = { readonly value: string } | { readonly problem: string }

/** Parses an unquoted value, which ends at a `#` that follows a space, is outside of quotes and is not escaped. */
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

/** Parses the value after `=`. Nothing in it is expanded or run. */
function parseValue(text: string): Parsed {
  const quote = text.charAt(0)
  if (quote !== '"' && quote !== "'") return parseBare(text)
  let close = 1
  while (close < text.length && text[close] !== quote) close += quote === '"' && text[close] === '\\' ? 2 : 1
  if (close >= text.length) return { problem: `the opening ${quote} has no closing ${quote}` }
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
 * Parses `KEY=VALUE` lines, which may have `export` before the name, single quotes (literal), double quotes (with `\n`,
 * `\t`, `\r`, `\"`, `\\`) and `#` comments. No variable is expanded, and no command is run.
 * @param where the name of the file in errors
 * @throws IapeerError `invalid-launch-env`, with the number of the line
 */
export function parseLaunchEnv(text: string, where = 'launch.env'): LaunchEnv {
  const env: Record<string, string> = Object.create(null)
  const refuse = (line: number, problem: string): never => {
    throw new IapeerError(`${where}, line ${line}: ${problem}`, {
      code: 'invalid-launch-env',
      hint: 'A line is KEY=VALUE, a comment after #, or empty. Quote a value that starts or ends with a space or contains #.',
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
    if (/^[ \t]/.test(rest)) return refuse(at + 1, 'white space after =')
    if (line.includes('\0')) return refuse(at + 1, 'a NUL character')
    const parsed = parseValue(rest)
    if ('problem' in parsed) return refuse(at + 1, parsed.problem)
    env[key] = parsed.value
  }
  const { PEER_START_ARGS: startArgs, PEER_DISALLOWED_TOOLS: tools, ...others } = env
  const words = splitWords(startArgs ?? '')
  if (words === undefined)
    throw new IapeerError(`${where}: PEER_START_ARGS has a quote without a closing quote`, {
      code: 'invalid-launch-env',
      hint: 'Close the quote, or put a backslash before a literal quote.',
    })
  return { env: others, startArgs: words, disallowedTools: disallowedTools(tools) }
}
