import { type ProgramResult, runProgram } from '@iapeer/core/exec'
import type { Section } from './section.ts'
import type { Span } from './span.ts'

const LIMIT_MS = 3_000
/**
 * The kernel logs about a hundred lines for each OOM kill, of which two count: they must not push out the lines of other
 * programs.
 */
const MOST_LINES = 20_000

/** Programs that log when they stop or kill others, or see others crash. */
const WRITERS = [
  'systemd',
  'systemd-oomd',
  'systemd-logind',
  'systemd-shutdown',
  'systemd-coredump',
  'earlyoom',
]
/** Lines of the kernel about processes that it killed or that crashed. */
const KERNEL_DEATHS =
  /[Oo]ut of memory|oom[-_]|Killed process|killed as a result of limit|segfault|general protection|unhandled|traps:/

const seconds = (ms: number): string => `@${Math.floor(ms / 1_000)}`

/** Several values of one field match any of them; `+` means or (journalctl(1)). */
export function journalArguments({ fromMs, toMs }: Span): string[] {
  return [
    '--quiet',
    '--no-pager',
    '--output=short-unix',
    `--since=${seconds(fromMs)}`,
    `--until=${seconds(toMs + 1_000)}`,
    `--lines=${MOST_LINES}`,
    ...WRITERS.map((name) => `SYSLOG_IDENTIFIER=${name}`),
    '+',
    '_TRANSPORT=kernel',
  ]
}

/** Returns the lines that a program of the system printed, or why there are none. */
export function printed(program: string, result: ProgramResult): Section['found'] {
  const { missing, timedOut, exitCode, stdout, stderr } = result
  if (missing) return { unavailable: `no ${program}` }
  if (timedOut) return { unavailable: `${program} gave nothing in time` }
  const lines = stdout.split('\n').filter((line) => line !== '')
  if (lines.length > 0 || exitCode === 0) return lines
  return {
    unavailable:
      stderr.split('\n')[0]?.slice(0, 200) ||
      `${program} ${exitCode === undefined ? 'was killed' : `exited with ${exitCode}`}`,
  }
}

const isOfInterest = (line: string): boolean => !/ kernel: /.test(line) || KERNEL_DEATHS.test(line)

/** Reads systemd's journal around a death: stopped units, systemd-oomd, core dumps, the kernel. */
export async function journalSection(span: Span, env: NodeJS.ProcessEnv): Promise<Section> {
  const argv = ['journalctl', ...journalArguments(span)] as const
  const found = printed('journalctl', await runProgram(argv, { timeoutMs: LIMIT_MS, env }))
  return { name: 'journal', found: 'unavailable' in found ? found : found.filter(isOfInterest) }
}
