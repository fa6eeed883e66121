import { basename } from 'node:path'

const SHELLS: ReadonlySet<string> = new Set([
  ...['sh', 'ash', 'bash', 'csh', 'dash', 'elvish', 'fish', 'ksh', 'ksh93', 'mksh', 'nu', 'tcsh', 'zsh'],
])
/** Options whose value is the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set(['-o', '+o', '-O', '+O', '--rcfile', '--init-file'])

/**
 * How a shell runs. `interactive`: it reads commands from the terminal. `line`: it runs its `-c` argument. `other`: not a
 * shell, or a shell that runs a script.
 */
export type ShellKind = 'interactive' | 'line' | 'other'

/** Returns how a command runs a shell, by its arguments. */
export function shellKind([program = '', ...args]: readonly string[]): ShellKind {
  if (!SHELLS.has(basename(program.replace(/^-/, '')))) return 'other'
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (/^-[A-Za-z]*c[A-Za-z]*$/.test(word)) return 'line'
    if (WITH_VALUE.has(word)) at++
    else if (!/^[-+]/.test(word)) return 'other'
  }
  return 'interactive'
}

/**
 * Returns the arguments that start the same program again. The `-` in front of a login shell (`-bash`) becomes the option `-l`.
 */
export function startable([program = '', ...args]: readonly string[]): readonly string[] {
  return program.startsWith('-') ? [program.slice(1), '-l', ...args] : [program, ...args]
}
