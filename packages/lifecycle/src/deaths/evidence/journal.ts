import { type ProgramResult, runProgram } from '@iapeer/core/exec'
import { parseFields } from '@iapeer/core/json'
import type { Section } from './section.ts'
import type { Span } from './span.ts'

const LIMIT_MS = 3_000
/**
 * The kernel logs about a hundred lines for each OOM kill, of which two count: they must not push out the lines of other
 * programs.
 */
const MOST_READ = 20_000
/** Of the lines that count, the newest are kept. */
const MOST_LINES = 2_000

/** Programs that log when they stop or kill others, or see others crash. */
const WRITERS = [
  'systemd',
  'systemd-oomd',
  'systemd-logind',
  'systemd-shutdown',
  'systemd-coredump',
  'earlyoom',
  'nohang',
  'nohang-desktop',
  'audit',
  'abrt-hook-ccpp',
  'abrt-server',
]
/** Lines of the kernel about processes that it killed or that crashed. */
const KERNEL_DEATHS =
  /[Oo]ut of memory|oom[-_]|Killed process|killed as a result of limit|segfault|general protection|unhandled|traps:|fatal signal|^CPU: \d+ .*PID: |type=1701|Capturing crash|__vm_enough_memory/
/** Of the records of the audit system, those about an abnormal end. */
const AUDIT_DEATHS = /^ANOM_ABEND /

const seconds = (ms: number): string => `@${Math.floor(ms / 1_000)}`

/** The fields that a line is made of. */
const FIELDS = [
  'MESSAGE',
  'SYSLOG_IDENTIFIER',
  'SYSLOG_PID',
  '_PID',
  '_UID',
  '_HOSTNAME',
  '_TRANSPORT',
  'UNIT',
  'USER_UNIT',
  '_SOURCE_REALTIME_TIMESTAMP',
]

/**
 * Several values of one field match any of them; `+` means or (journalctl(1)). JSON has the fields UNIT and USER_UNIT, which
 * name a unit even where its message has only the description (StatusUnitFormat=description).
 */
export function journalArguments({ fromMs, toMs }: Span): string[] {
  return [
    '--no-pager',
    '--output=json',
    `--output-fields=${FIELDS.join(',')}`,
    `--since=${seconds(fromMs)}`,
    `--until=${seconds(toMs + 1_000)}`,
    `--lines=${MOST_READ}`,
    ...WRITERS.map((name) => `SYSLOG_IDENTIFIER=${name}`),
    '+',
    '_TRANSPORT=kernel',
  ]
}

/** A text field; a message that is not UTF-8 is an array of bytes. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return ''
  return Buffer.from(value.filter((byte) => typeof byte === 'number')).toString('utf8')
}

/** Returns the line of an entry: `<epoch seconds> <host> <program>[<pid>]: [unit=<unit> ]<message>`. */
export function journalLine(text: string): string | undefined {
  // A heading such as `-- No entries --` is not JSON.
  const entry = parseFields(text)
  if (entry === undefined) return undefined
  const of = (name: string): string => textOf(entry[name])
  const micros = of('_SOURCE_REALTIME_TIMESTAMP') || of('__REALTIME_TIMESTAMP')
  const program = of('_TRANSPORT') === 'kernel' ? 'kernel' : of('SYSLOG_IDENTIFIER')
  const message = of('MESSAGE').replace(/\s*\n\s*/g, ' ')
  if (!/^\d{7,17}$/.test(micros) || program === '' || !isOfInterest(program, message)) return undefined
  // The service manager of another user can have units of the same names.
  if (program === 'systemd' && !['', '0', String(process.getuid?.())].includes(of('_UID'))) return undefined
  const pid = of('SYSLOG_PID') || of('_PID')
  const unit = of('UNIT') || of('USER_UNIT')
  const by = program === 'kernel' || pid === '' ? program : `${program}[${pid}]`
  const about = program === 'systemd' && /^\S{1,300}$/.test(unit) ? `unit=${unit} ` : ''
  const time = `${micros.slice(0, -6)}.${micros.slice(-6)}`
  return `${time} ${of('_HOSTNAME') || 'host'} ${by}: ${about}${message}`
}

function isOfInterest(program: string, message: string): boolean {
  if (program === 'kernel') return KERNEL_DEATHS.test(message)
  return program !== 'audit' || AUDIT_DEATHS.test(message)
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

/** journalctl says on stderr that the user sees only the lines of its own units. */
const PARTIAL = /not seeing messages from other users|insufficient permissions/

/** The line of a section about what it lacks; it has no time, so it is not evidence of a cause. */
const PARTIAL_LINE = 'journal-access: only the lines of this user could be read'

/** Reads systemd's journal around a death: stopped units, memory daemons, core dumps, the kernel. */
export async function journalSection(span: Span, env: NodeJS.ProcessEnv): Promise<Section> {
  const argv = ['journalctl', ...journalArguments(span)] as const
  const result = await runProgram(argv, { timeoutMs: LIMIT_MS, env })
  const found = printed('journalctl', result)
  if ('unavailable' in found) return { name: 'journal', found }
  const lines = found.map(journalLine).filter((line) => line !== undefined)
  const cut = Math.max(0, lines.length - MOST_LINES)
  const notes = [
    ...(PARTIAL.test(result.stderr) ? [PARTIAL_LINE] : []),
    ...(cut > 0 ? [`journal-cut: ${cut} earlier lines were left out`] : []),
  ]
  return { name: 'journal', found: [...notes, ...lines.slice(cut)] }
}
