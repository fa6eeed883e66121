/** The time of a log line, as far as its text states it. */
export type LineTime =
  /** Seconds since boot, as the kernel counts them. */
  | { readonly kind: 'uptime'; readonly seconds: number }
  | { readonly kind: 'utc'; readonly ms: number }
  /** Local time without a zone, in milliseconds as if it were UTC. */
  | { readonly kind: 'local'; readonly ms: number; readonly hasYear: boolean }
  | { readonly kind: 'none' }

/** One line of a kernel log or a journal, in any format. */
export interface LogLine {
  readonly time: LineTime
  /** The program that wrote the line (`kernel`, `systemd`, `systemd-oomd`); undefined in a plain kernel log. */
  readonly source: string | undefined
  /** The pid of that program, if the line states it. */
  readonly pid: number | undefined
  /** The unit that a systemd manager wrote the line about, if the recorder noted it (`unit=` before the message). */
  readonly unit: string | undefined
  readonly message: string
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `<4>` (dmesg -r), `kern  :err   : ` (dmesg -x). */
const LEVEL = /^(?:<\d{1,3}>|[a-z0-9]{3,8}\s*:[a-z]{3,7}\s*: )/
/** `[ 2000.000000]`, followed by `[  T812]` or `[    C1]` if the kernel names its caller. */
const UPTIME = /^\[\s*(\d{1,10}\.\d{1,9})\](?:\[\s*[TC]\d+\])? ?/
/** dmesg -T. */
const CTIME = /^\[\w{3} (\w{3})\s+(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})\] ?/
/** journalctl short: no year, no zone. */
const SHORT = /^(\w{3})\s+(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.\d{1,9})? /
/** journalctl short-iso, dmesg --time-format iso, macOS log show; the zone is missing in macOS's compact form. */
const ISO =
  /^(?:\w{3} )?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?(?=[ \t]) ?/
const UNIX = /^(\d{9,11}\.\d{3,9}) /
/** `host kernel: `, `host systemd-oomd[812]: `; macOS puts the thread, the type and more before the source. */
const SOURCE = /^(?:\S+ +)?([A-Za-z_][\w.@/-]{0,63})(?:\[([\d:a-fx]{1,20})\])?:\s/
const DARWIN_SOURCE =
  /^(?:0x[0-9a-f]+ |\S+ )?.{0,60}?\b(kernel|launchd|runningboardd|ReportCrash)(?:\[([\d:a-fx]+)\])?:? /

function localMs(month: string, rest: readonly (string | undefined)[]): number {
  const [day, hour, minute, second, year] = rest.map(Number)
  return Date.UTC(year ?? 1970, MONTHS.indexOf(month), day, hour, minute, second)
}

function isoTime(found: RegExpExecArray): LineTime {
  const [, day, clock, fraction = '0', zone] = found
  const at = Date.parse(`${day}T${clock}.${fraction.padEnd(3, '0').slice(0, 3)}Z`)
  if (Number.isNaN(at)) return { kind: 'none' }
  if (zone === undefined) return { kind: 'local', ms: at, hasYear: true }
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? []
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
  return { kind: 'utc', ms: sign === '+' ? at - offset : at + offset }
}

function wallTime(text: string): { time: LineTime; length: number } | undefined {
  const ctime = CTIME.exec(text)
  if (ctime !== null) {
    const ms = localMs(ctime[1] ?? '', ctime.slice(2))
    return { time: { kind: 'local', ms, hasYear: true }, length: ctime[0].length }
  }
  const short = SHORT.exec(text)
  if (short !== null && MONTHS.includes(short[1] ?? '')) {
    const ms = localMs(short[1] ?? '', short.slice(2, 6))
    return { time: { kind: 'local', ms, hasYear: false }, length: short[0].length }
  }
  const iso = ISO.exec(text)
  if (iso !== null) return { time: isoTime(iso), length: iso[0].length }
  const [unix, seconds] = UNIX.exec(text) ?? []
  if (unix === undefined) return undefined
  return { time: { kind: 'utc', ms: Math.round(Number(seconds) * 1000) }, length: unix.length }
}

/** Returns the source before the message, in a line of a journal. */
function sourceOf(text: string): { source: string; pid: number | undefined; length: number } | undefined {
  const found = SOURCE.exec(text) ?? DARWIN_SOURCE.exec(text)
  if (found === null) return undefined
  const [whole, source = '', pid] = found
  return { source, pid: /^\d{1,10}$/.test(pid ?? '') ? Number(pid) : undefined, length: whole.length }
}

/** The unit of a line, which the collector of the journal notes before the message. */
const UNIT = /^unit=(\S{1,300}) /

/** The names that count as a source: in `Out of memory: …` the part before the colon belongs to the message. */
const KNOWN_SOURCES =
  /^(?:kernel|systemd(?:-[a-z]+)?|launchd|runningboardd|ReportCrash|earlyoom|nohang(?:-desktop)?|audit|abrt[\w-]*|(?:\/\S*\/)?systemd-shutdown)$/

/** Parses the time, the source and the message of a line. Accepts any text and never throws. */
export function parseLogLine(line: string): LogLine {
  let rest = line.replace(LEVEL, '')
  let time: LineTime = { kind: 'none' }
  const wall = wallTime(rest)
  if (wall !== undefined) {
    time = wall.time
    rest = rest.slice(wall.length)
  }
  const uptime = UPTIME.exec(rest)
  if (uptime !== null) {
    time = { kind: 'uptime', seconds: Number(uptime[1]) }
    rest = rest.slice(uptime[0].length)
  }
  const by = sourceOf(rest)
  const source = by !== undefined && KNOWN_SOURCES.test(by.source) ? by.source : undefined
  if (by !== undefined && source !== undefined) rest = rest.slice(by.length)
  // rsyslog writes its own time, then the kernel's.
  const inner = source === 'kernel' ? UPTIME.exec(rest) : null
  if (inner !== null) {
    time = { kind: 'uptime', seconds: Number(inner[1]) }
    rest = rest.slice(inner[0].length)
  }
  // No message of systemd starts like this, and no name of a unit contains an equals sign.
  const [noted, unit] = source === 'systemd' ? (UNIT.exec(rest) ?? []) : []
  const pid = source === undefined ? undefined : by?.pid
  return { time, source, pid, unit, message: rest.slice(noted?.length ?? 0).trimStart() }
}
