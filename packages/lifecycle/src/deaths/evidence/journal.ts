import { type ProgramResult, runProgram } from '@iapeer/core/exec'
import type { Section } from './section.ts'
import type { Span } from './span.ts'

const LIMIT_MS = 3_000
/** Each kill for memory is a hundred lines of the kernel's, of which two count: the others' lines must not be lost behind them. */
const MOST_LINES = 20_000

/** Who writes about the ends of others. */
const WRITERS = [
  'systemd',
  'systemd-oomd',
  'systemd-logind',
  'systemd-shutdown',
  'systemd-coredump',
  'earlyoom',
]
/** Of the kernel only what it says of ends. */
const KERNEL_ENDS =
  /[Oo]ut of memory|oom[-_]|Killed process|killed as a result of limit|segfault|general protection|unhandled|traps:/

const seconds = (ms: number): string => `@${Math.floor(ms / 1_000)}`

/** journalctl(1): one field's values are any of them, `+` is or. */
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

/** What a program of the system printed; or why there is nothing. */
export function printed(program: string, result: ProgramResult): Section['found'] {
  const { missing, timedOut, exitCode, stdout, stderr } = result
  if (missing) return { unavailable: `no ${program}` }
  if (timedOut) return { unavailable: `${program} gave nothing in time` }
  const lines = stdout.split('\n').filter((line) => line !== '')
  if (lines.length > 0 || exitCode === 0) return lines
  return { unavailable: stderr.split('\n')[0]?.slice(0, 200) || `${program} ended with ${exitCode}` }
}

const isOfInterest = (line: string): boolean => !/ kernel: /.test(line) || KERNEL_ENDS.test(line)

/** What systemd's journal holds of the time around a death: units that were stopped, oomd, cores, the kernel. */
export async function journalSection(span: Span, env: NodeJS.ProcessEnv): Promise<Section> {
  const argv = ['journalctl', ...journalArguments(span)] as const
  const found = printed('journalctl', await runProgram(argv, { timeoutMs: LIMIT_MS, env }))
  return { name: 'journal', found: 'unavailable' in found ? found : found.filter(isOfInterest) }
}
