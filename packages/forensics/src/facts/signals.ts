import { parseLogfmt } from '@iapeer/core/logfmt'
import type { ExitRecord } from '../exit-record.ts'
import type { Fact, FactName } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { canonicalSignal, isFault } from '../signal-name.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { type Killer, killerOf, type SeenProcess, type Witness } from '../witness.ts'

/** A signal that was seen on its way: a line of the section `signal-witness`. */
interface SentSignal {
  readonly signal: string
  readonly target: number
  readonly atMs: number | undefined
  readonly comm: string
  readonly user: string
  readonly sender: Killer
}

/** A process may take its time after SIGTERM; SIGKILL does not wait. */
const BEFORE_MS = 30_000
const AT_ONCE_MS = 5_000
const MOST_OTHERS = 3
const TERMINATIONS: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])
const isDeadly = (signal: string): boolean =>
  signal === 'SIGKILL' || TERMINATIONS.has(signal) || isFault(signal)
const OOM_DAEMONS: ReadonlySet<string> = new Set(['systemd-oomd', 'earlyoom', 'nohang', 'oomd'])

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined

/** ISO, or epoch seconds or milliseconds. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^\d{9,11}(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d{12,15}$/.test(text)) return Number(text)
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

function sentSignal(line: string): (SentSignal & { ancestors: SeenProcess[] }) | undefined {
  const { fields, torn } = parseLogfmt(line)
  const pid = wholeNumber(fields['sender_pid'])
  const target = wholeNumber(fields['target_pid'])
  const signal = canonicalSignal(fields['signal'] ?? '')
  if (torn || pid === undefined || target === undefined || signal === undefined) return undefined
  const comm = fields['sender_comm'] ?? ''
  const ancestors: SeenProcess[] = []
  const sender = { pid, command: fields['sender_command'] || comm || '?', ancestors }
  const user = fields['sender_user'] ?? ''
  return { signal, target, atMs: timeOf(fields['ts']), comm, user, sender, ancestors }
}

function sentSignals(snapshot: Snapshot): SentSignal[] {
  const found: (SentSignal & { ancestors: SeenProcess[] })[] = []
  for (const line of sectionLines(snapshot, 'signal-witness').slice(0, 500)) {
    const sent = sentSignal(line)
    if (sent !== undefined) found.push(sent)
    if (sent !== undefined || !/^ancestor /.test(line)) continue
    const { fields, torn } = parseLogfmt(line)
    const pid = wholeNumber(fields['pid'])
    const command = fields['command'] || fields['comm'] || '?'
    if (pid !== undefined && !torn && (found.at(-1)?.ancestors.length ?? 16) < 16)
      found.at(-1)?.ancestors.push({ pid, command })
  }
  return found
}

function namesOf(sent: SentSignal): FactName[] {
  if (OOM_DAEMONS.has(sent.comm)) return ['oomd-sent']
  if (sent.signal === 'SIGKILL') return ['signal-sent', 'sigkill-sent']
  return TERMINATIONS.has(sent.signal) ? ['signal-sent', 'termination-sent'] : ['signal-sent']
}

/** Long-lived parents that unrelated commands have in common. */
const COMMON_PARENT =
  /(?:^|\/)(?:systemd|init|launchd|sshd|login|tmux|screen|zellij|cron|crond|containerd-shim\S*|dockerd|gnome-\S+|Terminal|iTerm2?)(?::| |$)/

/** What several deaths by one hand have in common: whoever did it, and what it was started by. */
function handsOf(killer: Killer): string[] {
  const hands = [`killer ${killer.pid}`]
  for (const { pid, command } of killer.ancestors) {
    if (pid <= 1 || COMMON_PARENT.test(command)) break
    hands.push(`killer ${pid}`)
  }
  return hands
}

const describe = ({ pid, command }: SeenProcess): string => `pid ${pid} (${command})`

function signalFact(sent: SentSignal, weak: boolean): Fact {
  const { sender, signal, user, target } = sent
  const by = `${describe(sender)}${user === '' ? '' : ` of user ${user}`}`
  const [starter] = sender.ancestors
  return {
    names: namesOf(sent),
    section: 'signal-witness',
    text: `${signal} to pid ${target} from ${by}`,
    weak,
    values: {
      sent: signal,
      killer: describe(sender),
      starter: starter === undefined ? '' : `, started by ${describe(starter)}`,
    },
    killer: sender,
    shared: handsOf(sender),
  }
}

/** What a shell and many a program exit with when a signal has told them to end. */
const EXIT_OF: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/** Whether a process may have ended in this way because of the signal. */
function mayEndBy({ signal }: SentSignal, record: ExitRecord): 'yes' | 'perhaps' | 'no' {
  if (record.signal !== undefined) return record.signal === signal ? 'yes' : 'no'
  if (!isDeadly(signal)) return 'no'
  if (!TERMINATIONS.has(signal)) return 'yes'
  // tmux goes on after all others.
  if (record.event === 'server-exit') return signal === 'SIGTERM' ? 'yes' : 'no'
  if (record.exitCode === undefined) return 'yes'
  if (record.exitCode !== 0) return EXIT_OF[signal] === record.exitCode ? 'yes' : 'no'
  // Programs take the others to mean other things too: read the settings again, leave what you are at.
  return signal === 'SIGTERM' ? 'yes' : 'perhaps'
}

/** The kernel's own, and one that came to nothing: nobody's, but worth knowing. */
function seenFact({ signal, target, sender }: SentSignal): Fact {
  const by = sender.pid === 0 ? 'the kernel itself' : describe(sender)
  return { names: ['context'], section: 'signal-witness', text: `${signal} to pid ${target} from ${by}` }
}

/** The last signal that was seen on its way to the process before it ended, and was not its own. */
export function signalFacts(snapshot: Snapshot, lifetime: Lifetime, record: ExitRecord): Fact[] {
  const sent = sentSignals(snapshot).filter(({ target, sender, atMs, signal }) => {
    if (target !== lifetime.pid || sender.pid === target) return false
    if (record.signal !== signal && !isDeadly(signal)) return false
    const agoMs = atMs === undefined ? 0 : lifetime.deathMs - atMs
    // Whoever had its pid before it was armed is somebody else.
    const isOurs = atMs === undefined || lifetime.armedMs === undefined || atMs >= lifetime.armedMs - 1_000
    return isOurs && agoMs >= -2_000 && agoMs <= BEFORE_MS
  })
  const last = sent.findLast((one) => one.sender.pid !== 0 && mayEndBy(one, record) !== 'no')
  const others = sent.filter((one) => one !== last).slice(-MOST_OTHERS)
  if (last === undefined) return others.map(seenFact)
  const late = last.atMs === undefined || lifetime.deathMs - last.atMs > AT_ONCE_MS
  const started = last.sender.ancestors.map((one) => ({
    names: ['context'] as const,
    section: 'signal-witness',
    text: `started by pid ${one.pid}: ${one.command}`,
  }))
  const weak = late || mayEndBy(last, record) === 'perhaps'
  return [signalFact(last, weak), ...started, ...others.map(seenFact)]
}

/** A witness speaks of an end within two seconds of it. */
const WITNESS_MS = 2_000

/** Who was seen running a tmux command that kills. */
export function witnessFacts(witness: Witness, lifetime: Lifetime, recorded: boolean): Fact[] {
  const agoMs = witness.atMs === undefined ? Number.NaN : lifetime.deathMs - witness.atMs
  const close = agoMs >= -WITNESS_MS && agoMs <= WITNESS_MS
  if (!recorded && !close) return []
  const killer = killerOf(witness)
  const values = { command: witness.command }
  if (killer === undefined) {
    const seen = witness.killers.map(describe)
    const text = seen.length === 0 ? 'nobody could be seen' : `one of: ${seen.join('; ')}`
    return [{ names: ['command-witness-unsure'], section: 'witness', text, values }]
  }
  const { whose } = witness
  const owner: Fact[] =
    whose === undefined ? [] : [{ names: ['context'], section: 'witness', text: `run by ${whose}` }]
  const [starter] = killer.ancestors
  const by = starter === undefined ? '' : `, started by ${describe(starter)}`
  const fact: Fact = {
    names: ['command-witness'],
    section: 'witness',
    text: `pid ${killer.pid}: ${killer.command}`,
    values: { ...values, pid: String(killer.pid), starter: by },
    killer,
    shared: handsOf(killer),
  }
  const started = killer.ancestors.map((one) => ({
    names: ['context'] as const,
    section: 'witness',
    text: `started by pid ${one.pid}: ${one.command}`,
  }))
  return [fact, ...owner, ...started]
}
