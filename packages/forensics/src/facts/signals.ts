import { parseLogfmt } from '@iapeer/core/logfmt'
import type { ExitRecord } from '../exit-record.ts'
import type { Fact, FactName } from '../fact.ts'
import type { Lifetime } from '../lifetime.ts'
import { isCommonParent, publishedKiller, STARTED_BY } from '../published-killer.ts'
import { canonicalSignal, codedSignal, isFault, isTermination } from '../signal-name.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { type Killer, killerOf, type SeenProcess, type Witness } from '../witness.ts'

/** A signal that the signal witness observed: a line of the section `signal-witness`. */
interface SentSignal {
  readonly signal: string
  readonly target: number
  readonly atMs: number | undefined
  readonly comm: string
  readonly user: string
  readonly sender: Killer
}

/** How long before the death a signal can be its cause: a process may take its time after SIGTERM. */
const BEFORE_MS = 30_000
const AT_ONCE_MS = 5_000
const MOST_OTHERS = 3
/** The last lines of the section that are read: the signals are in the order in which they were sent. */
const MOST_LINES = 2_000
const isDeadly = (signal: string): boolean => signal === 'SIGKILL' || isTermination(signal) || isFault(signal)
/** The memory daemons that kill whole cgroups. */
const CGROUP_DAEMONS: ReadonlySet<string> = new Set(['systemd-oomd', 'oomd'])
const OOM_DAEMONS: ReadonlySet<string> = new Set([
  'systemd-oomd',
  'earlyoom',
  'nohang',
  'nohang-desktop',
  'oomd',
])

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined

/** Returns epoch milliseconds for a time in ISO form, epoch seconds or epoch milliseconds. */
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
  for (const line of sectionLines(snapshot, 'signal-witness').slice(-MOST_LINES)) {
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
  if (OOM_DAEMONS.has(sent.comm))
    return CGROUP_DAEMONS.has(sent.comm) ? ['oomd-sent'] : ['oomd-sent', 'daemon-sent']
  if (sent.signal === 'SIGKILL') return ['signal-sent', 'sigkill-sent']
  return isTermination(sent.signal) ? ['signal-sent', 'termination-sent'] : ['signal-sent']
}

/** Returns the causes that this death can share with others: the killer, and the processes that started it. */
function sharedKillers(killer: Killer): string[] {
  const shared = [`killer ${killer.pid}`]
  for (const { pid, command } of killer.ancestors) {
    if (pid <= 1 || isCommonParent(command)) break
    shared.push(`killer ${pid}`)
  }
  return shared
}

const describe = ({ pid, command }: SeenProcess): string => `pid ${pid} (${command})`

/** Returns the process that started a killer, for a summary: notifications have it, so it may not name more than they may. */
function starterText(killer: Killer): string {
  const [starter] = publishedKiller(killer).ancestors
  return starter === undefined ? '' : `, started by ${describe(starter)}`
}

function signalFact(sent: SentSignal, weak: boolean): Fact {
  const { sender, signal, user, target } = sent
  const by = `${describe(sender)}${user === '' ? '' : ` of user ${user}`}`
  return {
    names: namesOf(sent),
    section: 'signal-witness',
    text: `${signal} to pid ${target} from ${by}`,
    weak,
    values: {
      sent: signal,
      killer: describe(sender),
      starter: starterText(sender),
    },
    killer: sender,
    shared: sharedKillers(sender),
  }
}

/** Returns whether the signal can explain how the process died. */
export function canExplain(signal: string, record: ExitRecord): 'yes' | 'perhaps' | 'no' {
  if (record.signal !== undefined) return record.signal === signal ? 'yes' : 'no'
  // Every other signal has uses that end nothing (SIGUSR1, SIGALRM): only the status of a death by it shows that it did.
  if (!isDeadly(signal)) return 'no'
  if (!isTermination(signal))
    return record.event === 'server-exit' ||
      record.exitCode === undefined ||
      codedSignal(record.exitCode) === signal
      ? 'yes'
      : 'no'
  // Of the signals that ask it to exit, the tmux server obeys only SIGTERM.
  if (record.event === 'server-exit') return signal === 'SIGTERM' ? 'yes' : 'no'
  if (record.exitCode === undefined) return 'yes'
  if (record.exitCode !== 0) return codedSignal(record.exitCode) === signal ? 'yes' : 'no'
  // The other signals have further meanings: reload the settings, interrupt the current work.
  return signal === 'SIGTERM' ? 'yes' : 'perhaps'
}

/** Returns the fact for a signal that is not the cause (of the kernel, or without effect) but helps the user. */
function otherSignalFact({ signal, target, sender }: SentSignal): Fact {
  const by = sender.pid === 0 ? 'the kernel' : describe(sender)
  return { names: ['context'], section: 'signal-witness', text: `${signal} to pid ${target} from ${by}` }
}

/** What the evidence says of a witness that was on; the advice to switch it on is left out then. */
export const WITNESS_WAS_ON = 'the signal witness was on and saw no process send the signal that ended it'

/** Returns the fact that the witness was on at the death: a line `watching since=...`. */
const watchingFact = (snapshot: Snapshot): Fact[] =>
  sectionLines(snapshot, 'signal-witness').some((line) => /^watching since=/.test(line))
    ? [{ names: ['context'], section: 'signal-witness', text: WITNESS_WAS_ON }]
    : []

/** Returns facts about the signals sent to the process before its death, except by itself; the last one that explains it is the cause. */
export function signalFacts(snapshot: Snapshot, lifetime: Lifetime, record: ExitRecord): Fact[] {
  const sent = sentSignals(snapshot).filter(({ target, sender, atMs, signal }) => {
    if (target !== lifetime.pid || sender.pid === target) return false
    if (record.signal !== signal && !isDeadly(signal)) return false
    const agoMs = atMs === undefined ? 0 : lifetime.deathMs - atMs
    // Before arming, another process can have had this pid.
    const isSameProcess =
      atMs === undefined || lifetime.armedMs === undefined || atMs >= lifetime.armedMs - 1_000
    return isSameProcess && agoMs >= -2_000 && agoMs <= BEFORE_MS + lifetime.bracketMs
  })
  const watching = watchingFact(snapshot)
  const last = sent.findLast((one) => one.sender.pid !== 0 && canExplain(one.signal, record) !== 'no')
  const others = sent.filter((one) => one !== last).slice(-MOST_OTHERS)
  if (last === undefined) return [...watching, ...others.map(otherSignalFact)]
  const late = last.atMs === undefined || lifetime.deathMs - last.atMs > AT_ONCE_MS + lifetime.bracketMs
  const started = last.sender.ancestors.map((one) => ({
    names: ['context'] as const,
    section: 'signal-witness',
    text: `${STARTED_BY}${one.pid}: ${one.command}`,
  }))
  const weak = late || canExplain(last.signal, record) === 'perhaps'
  return [signalFact(last, weak), ...started, ...others.map(otherSignalFact)]
}

/** A witness is evidence for a death within two seconds of it. */
const WITNESS_MS = 2_000

/** Returns the facts about the process that ran a tmux command that kills. */
export function witnessFacts(witness: Witness, lifetime: Lifetime, recorded: boolean): Fact[] {
  const agoMs = witness.atMs === undefined ? Number.NaN : lifetime.deathMs - witness.atMs
  const close = agoMs >= -WITNESS_MS && agoMs <= WITNESS_MS
  if (!recorded && !close) return []
  const killer = killerOf(witness)
  const values = { command: witness.command }
  if (killer === undefined) {
    const seen = witness.killers.map(describe)
    const text = seen.length === 0 ? 'no process could be identified' : `one of: ${seen.join('; ')}`
    return [{ names: ['command-witness-unsure'], section: 'witness', text, values }]
  }
  const owner: Fact[] =
    witness.owner === undefined
      ? []
      : [{ names: ['context'], section: 'witness', text: `run by ${witness.owner}` }]
  const fact: Fact = {
    names: ['command-witness'],
    section: 'witness',
    text: `pid ${killer.pid}: ${killer.command}`,
    values: { ...values, pid: String(killer.pid), starter: starterText(killer) },
    killer,
    shared: sharedKillers(killer),
  }
  const started = killer.ancestors.map((one) => ({
    names: ['context'] as const,
    section: 'witness',
    text: `${STARTED_BY}${one.pid}: ${one.command}`,
  }))
  return [fact, ...owner, ...started]
}
