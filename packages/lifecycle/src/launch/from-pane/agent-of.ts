import { basename } from 'node:path'
import { type Runtime, toRuntime } from '@iapeer/core/identity'

const AGENTS: ReadonlySet<string> = new Set(['claude', 'codex'])
/** Interpreters that a `#!` line may name. */
const INTERPRETERS: ReadonlySet<string> = new Set(['node', 'bun', 'sh', 'bash', 'dash', 'zsh'])

/** The runtime and command of a peer. */
export interface Agent {
  readonly runtime: Runtime
  /** Undefined if the default command of the runtime suffices. */
  readonly command: readonly string[] | undefined
}

/** Drops empty words at the end: setting `process.title` in Node overwrites the arguments with NULs. */
function withoutTrailingEmpty(words: readonly string[]): readonly string[] {
  return words.slice(0, words.findLastIndex((word) => word !== '') + 1)
}

/**
 * Returns the runtime of a command by the name of its program: `claude` or `codex`, also when run as a script, else `command`.
 */
export function agentOf(argv: readonly string[]): Agent {
  const [first = '', second = ''] = argv
  const script = INTERPRETERS.has(basename(first)) && AGENTS.has(basename(second))
  const own = script ? argv.slice(1) : argv
  const [program = '', ...rest] = own
  const name = basename(program)
  if (!AGENTS.has(name)) return { runtime: toRuntime('command'), command: argv }
  const args = withoutTrailingEmpty(rest)
  return { runtime: toRuntime(name), command: args.length === 0 ? undefined : [program, ...args] }
}
