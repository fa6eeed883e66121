import { basename } from 'node:path'
import { type Runtime, toRuntime } from '@iapeer/core/identity'

const AGENTS: ReadonlySet<string> = new Set(['claude', 'codex'])
/** What a script of that name is run by, as its first line says. */
const INTERPRETERS: ReadonlySet<string> = new Set(['node', 'bun', 'sh', 'bash', 'dash', 'zsh'])

/** How a command is present as a peer. */
export interface Agent {
  readonly runtime: Runtime
  /** Undefined where the runtime starts its program without being told. */
  readonly command: readonly string[] | undefined
}

/** An agent's title fills what its arguments were with nothing (process.title of Node). */
function withoutEmptyEnd(words: readonly string[]): readonly string[] {
  return words.slice(0, words.findLastIndex((word) => word !== '') + 1)
}

/** A command by its program's name: `claude` and `codex`, also as scripts, are runtimes of their own. */
export function agentOf(argv: readonly string[]): Agent {
  const [first = '', second = ''] = argv
  const script = INTERPRETERS.has(basename(first)) && AGENTS.has(basename(second))
  const own = script ? argv.slice(1) : argv
  const [program = '', ...rest] = own
  const name = basename(program)
  if (!AGENTS.has(name)) return { runtime: toRuntime('command'), command: argv }
  const args = withoutEmptyEnd(rest)
  return { runtime: toRuntime(name), command: args.length === 0 ? undefined : [program, ...args] }
}
