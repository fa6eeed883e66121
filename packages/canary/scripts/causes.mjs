// What is generated from causes.json: the table of the recorders, that of forensics, and that of the documentation.

const SOURCE = 'packages/canary/causes.json'

/** `0`, `1..127`, `128 + signal`, ...: the pattern of a shell's `case` for a range of decimal numbers. */
const RANGES = {
  0: '0',
  '1..127': '*',
  '128..255': '1[3-9][0-9] | 12[89] | 2[0-9][0-9]',
  unknown: 'unknown',
}

const modeOf = (table, mode, event = 'server') =>
  table.causes.filter((one) => one.mode === mode && (one.event ?? 'server') === event)

const statusesOf = (one) => one.status.split(', ')

/** The one cause with this status, or the one that a property picks among several. */
function causeWith(causes, status, pick = () => true) {
  const found = causes.filter((one) => statusesOf(one).includes(status) && pick(one))
  if (found.length !== 1) throw new Error(`${found.length} causes for the status ${status}, expected one`)
  return found[0].cause
}

function shellWatch(table) {
  const watch = modeOf(table, 'watch')
  const arm = (status) => `    ${RANGES[status]}) CAUSE=${causeWith(watch, status)} ;;`
  return [
    '# cause_decide_watch WAIT_RC -> CAUSE: the exit code of the watching client only attributes',
    'cause_decide_watch() {',
    '  case $1 in',
    ...['0', '128..255', '1..127'].map(arm),
    '  esac',
    '}',
  ]
}

function shellGuard(table) {
  const guard = modeOf(table, 'guard')
  const zero = (witnessed) => causeWith(guard, '0', (one) => (one.witnessed ?? false) === witnessed)
  return [
    '# cause_decide_guard WAIT_RC -> CAUSE, SIGNAL: the wait status of the server itself; a signal outranks a witness',
    'cause_decide_guard() {',
    '  case $1 in',
    `    0) if cause_has_witness; then CAUSE=${zero(true)}; else CAUSE=${zero(false)}; fi ;;`,
    `    unknown) CAUSE=${causeWith(guard, 'unknown')} ;;`,
    `    *) if [ "$1" -lt 128 ]; then CAUSE=${causeWith(guard, '1..127')}; else cause_decide_signal $(($1 - 128)); fi ;;`,
    '  esac',
    '}',
  ]
}

function shellSignal(table) {
  const { signals } = table
  const guard = modeOf(table, 'guard')
  const same = signals.filter((one) => one.linux === one.darwin)
  const darwin = signals.filter((one) => one.darwin !== undefined && one.linux !== one.darwin)
  const linux = signals.filter((one) => one.linux !== undefined && one.linux !== one.darwin)
  const arms = [
    ...same.map((one) => [`*:${one.linux}`, one.name]),
    ...darwin.map((one) => [`darwin:${one.darwin}`, one.name]),
    ...linux.map((one) => [`*:${one.linux}`, one.name]),
  ]
  const faults = signals.filter((one) => one.fault).map((one) => one.name)
  const of = (kind) => causeWith(guard, '128 + signal', (one) => one.signal === kind)
  return [
    '# cause_decide_signal NUMBER -> SIGNAL, CAUSE (signal(7) for Linux on x86 and arm, sys/signal.h for macOS)',
    'cause_decide_signal() {',
    '  case $PLATFORM:$1 in',
    ...arms.map(([pattern, name]) => `    ${pattern}) SIGNAL=${name} ;;`),
    '    *) SIGNAL=SIG$1 ;;',
    '  esac',
    '  case $SIGNAL in',
    `    ${faults.join(' | ')}) CAUSE=${of('fault')} ;;`,
    `    *) CAUSE=${of('other')} ;;`,
    '  esac',
    '}',
  ]
}

function shellClaim(table) {
  const server = table.causes.filter((one) => one.claim !== undefined && one.event === undefined)
  const arm = (one) => {
    const unseen = one.mode === 'none' ? ' MODE=none RECORDER=none' : ''
    return `    ${one.claim === '' ? "''" : one.claim}) WAIT_RC=unknown${unseen} CAUSE=${one.cause} ;;`
  }
  return [
    '# cause_decide RC SYSTEM -> WAIT_RC CAUSE SIGNAL MODE RECORDER: what the line in exits.log says of them, in this MODE.',
    `# SYSTEM (${table.formerCauses.map((one) => one.system).join(', ')}) comes from claims of recorders of format 1, which asked systemd before they claimed.`,
    'cause_decide() {',
    "  WAIT_RC=$1 SIGNAL='' RECORDER=$MODE",
    '  case $1 in',
    ...server.map(arm),
    '    *) if [ "$MODE" = guard ]; then cause_decide_guard "$1"; else cause_decide_watch "$1"; fi ;;',
    '  esac',
    '  case $2:$CAUSE in',
    '    *:crashed) ;;',
    ...table.formerCauses.map((one) => `    ${one.system}:*) CAUSE=${one.cause} ;;`),
    '  esac',
    '}',
  ]
}

/** assets/cause-table.sh */
export function causeShell(table) {
  return `${[
    '# shellcheck shell=sh disable=SC2034',
    `# Cause table: what a wait status, an exit code or a claim says by itself. Generated from ${SOURCE} by`,
    '# packages/canary/scripts/generate.mjs: edit that file. Sourced; starts no process.',
    '',
    ...shellWatch(table),
    '',
    ...shellGuard(table),
    '',
    ...shellSignal(table),
    '',
    ...shellClaim(table),
  ].join('\n')}\n`
}

const quoted = (text) => `'${text}'`

/** A declaration in the form that the formatter of the repository gives it. */
function listOf(head, items, tail) {
  const line = `${head}[${items.join(', ')}]${tail}`
  return line.length <= 110 ? line : `${head}[\n${items.map((item) => `  ${item},\n`).join('')}]${tail}`
}

/** packages/forensics/src/cause-table.ts */
export function causeTypeScript(table) {
  const names = (causes) => causes.map((one) => quoted(one.cause))
  const declare = (doc, name, items) => [
    `/** ${doc} */`,
    listOf(`export const ${name} = `, items, ' as const'),
    '',
  ]
  const field = ([key, value]) => `${key}: ${typeof value === 'string' ? quoted(value) : value}`
  const telling = [
    ...table.causes.filter((one) => one.witnessed || one.mode === 'none'),
    ...table.formerCauses,
  ]
  const signals = table.signals.map((one) => `{ ${Object.entries(one).map(field).join(', ')} }`)
  return [
    `// Generated from ${SOURCE} by packages/canary/scripts/generate.mjs: edit that file.`,
    '',
    ...declare('Causes that a guard records.', 'GUARD_CAUSES', names(modeOf(table, 'guard'))),
    ...declare('Causes that a watch records.', 'WATCH_CAUSES', names(modeOf(table, 'watch'))),
    ...declare(
      'Causes of a server whose end no recorder saw.',
      'UNSEEN_CAUSES',
      names(modeOf(table, 'none')),
    ),
    '/** A cause in exits.log that says more than the wait status beside it. */',
    'export type ConclusiveCause =',
    ...telling.map((one) => `  | ${quoted(one.cause)}`),
    '',
    '/** A signal: its numbers, what tmux, shells and ps print for it, and whether it reports a fault of the program. */',
    'export interface SignalRow {',
    '  readonly name: string',
    '  readonly linux?: number',
    '  readonly darwin?: number',
    '  readonly text?: string',
    '  readonly fault?: boolean',
    '}',
    '',
    '/** Every signal that has a name on Linux (x86, arm) or macOS. */',
    `export const SIGNALS: readonly SignalRow[] = [\n${signals.map((one) => `  ${one},\n`).join('')}]`,
    '',
  ].join('\n')
}

/** The tables of docs/records.md. */
export function causeDocs(table) {
  const rows = table.causes.map((one) => {
    const mode = one.mode === 'any' ? 'any' : `\`${one.mode}\``
    const status = one.status ?? (one.claim === '' ? 'unknown' : `claim \`rc=${one.claim}\``)
    return [mode, `\`${one.cause}\``, status, one.means]
  })
  const head = ['`mode`', '`cause`', '`wait_rc`', 'means']
  const width = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at].length)))
  const line = (cells) => `| ${cells.map((cell, at) => cell.padEnd(width[at])).join(' | ')} |`
  return `${[line(head), `| ${width.map((count) => '-'.repeat(count)).join(' | ')} |`, ...rows.map(line)].join('\n')}\n`
}
