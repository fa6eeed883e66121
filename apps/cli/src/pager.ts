import { findProgram, loadExeca } from '@iapeer/core/exec'
import { SETTINGS } from '@iapeer/core/settings'
import { holdInterrupts } from './interrupt.ts'

/** What a pager does unless the user has set it: quit if the text fits one screen, show colours, leave the text on the screen. */
const PAGER_DEFAULTS = { LESS: 'FRX', LV: '-c' } as const
const DEFAULT_PAGER = 'less'

/** The exit codes of a shell that cannot run a command. */
const CANNOT_RUN: ReadonlySet<number | undefined> = new Set([126, 127])

type Env = Readonly<Record<string, string | undefined>>

/** Returns the command of the pager, as git does: the first variable that is set decides, and empty or `cat` means none. */
export function pagerCommand(env: Env): string | undefined {
  const command = (env[SETTINGS.pager.variable] ?? env['PAGER'] ?? DEFAULT_PAGER).trim()
  return command === '' || command === 'cat' ? undefined : command
}

/** Whether the program of a command can be found; true if only a shell can tell. */
async function canRun(command: string, env: Env): Promise<boolean> {
  const [, program] = /^([\w./+@-]+)(?:\s|$)/.exec(command) ?? []
  if (program === undefined) return true
  return (await findProgram(program, env['PATH'] ?? '', process.cwd())) !== undefined
}

/** A pager that is running. */
export interface Pager {
  /** Passes text on. @returns false once the pager has exited */
  readonly write: (text: string) => Promise<boolean>
  /** Ends the text and waits until the user quits. @returns whether the command could be run */
  readonly close: () => Promise<boolean>
}

/**
 * Starts the user's pager. Until it is closed, Ctrl-C acts on the pager alone.
 * @returns undefined if there is none; an unusable one is reported on standard error
 */
export async function startPager(env: Env = process.env): Promise<Pager | undefined> {
  const command = pagerCommand(env)
  if (command === undefined) return undefined
  if (!(await canRun(command, env))) {
    if (command !== DEFAULT_PAGER)
      process.stderr.write(`iapeer: the pager cannot be run: ${command}: not found; --no-pager avoids this\n`)
    return undefined
  }
  const { execa } = await loadExeca()
  const release = holdInterrupts()
  const child = execa('/bin/sh', ['-c', command], {
    env: { ...PAGER_DEFAULTS, ...env },
    extendEnv: false,
    stdio: ['pipe', 'inherit', 'inherit'],
    buffer: false,
    reject: false,
  })
  const { stdin } = child
  let isGone = false
  const ended = child.then(({ exitCode }) => {
    isGone = true
    release()
    return exitCode
  })
  // A pager that the user has quit reads no more: EPIPE.
  stdin.on('error', () => {
    isGone = true
  })
  return {
    write: async (text) => {
      if (isGone) return false
      if (!stdin.write(text))
        await Promise.race([ended, new Promise<void>((resolve) => stdin.once('drain', resolve))])
      return !isGone
    },
    close: async () => {
      stdin.end()
      return !CANNOT_RUN.has(await ended)
    },
  }
}
