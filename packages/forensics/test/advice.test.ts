import { describe, expect, it } from 'vitest'
import { adviceFor, TOPICS, type Verdict } from '../src/index.ts'
import { VERDICT_WORDS } from '../src/verdict-word.ts'
import { bySignal, DEATH_MS, exitCode, judged, LEADER } from './compose.ts'

const FLAGS = [false, true] as const
const CONTEXTS = FLAGS.flatMap((killer) =>
  FLAGS.flatMap((atLaunch) => FLAGS.map((isRestarted) => ({ killer, atLaunch, isRestarted }))),
)
const text = (...args: Parameters<typeof adviceFor>): string => adviceFor(...args).join('\n')

describe.each(VERDICT_WORDS)('the advice for %s', (verdict) => {
  it.each(CONTEXTS)(
    'does not depend on the present state of the peer, which it does not know: %j',
    (context) => {
      // `iapeer start <peer>` refuses a peer in a crash loop, and does nothing for a running one: the caller adds that advice.
      expect(text(verdict, context)).not.toMatch(/iapeer (start|restart|reset) <peer>|again; after/)
    },
  )

  it.each(CONTEXTS)('names a command of iapeer with its peer: %j', (context) => {
    for (const [, rest = ''] of text(verdict, context).matchAll(/iapeer (?:logs|set) (\S+)/g))
      expect(rest).toMatch(/^<peer>/)
  })
})

it.each([
  ['agent-exited', {}, /Exit code 0 does not say why/],
  ['agent-exited', { isRestarted: true }, /^$/],
  ['agent-exited', { atLaunch: true }, /^The launch failed: .*iapeer logs <peer>/],
  ['agent-exited', { atLaunch: true, isRestarted: true }, /^The launch failed: /],
  ['agent-failed', { isRestarted: true }, /iapeer logs <peer>/],
  ['agent-failed', { atLaunch: true }, /^The launch failed: /],
  ['kernel-oom', { atLaunch: true }, /more memory/],
  ['killed-by-signal', { killer: true, atLaunch: true }, /^Check why the process above/],
  ['killed-by-signal', {}, /If the sender is unknown/],
  ['host-reboot', {}, /iapeer set <peer> after_reboot=restart/],
  ['host-reboot', { isRestarted: true }, /^$/],
] as const)('the advice for %s with %j matches %s', (verdict, context, pattern) => {
  expect(text(verdict, context)).toMatch(pattern)
})

describe.each(TOPICS)('the advice about %s', (topic) => {
  const about: Verdict = { verdict: 'terminated', confidence: 'high', summary: 'x', topic, evidence: [] }
  it('replaces the general advice, and names no peer but <peer>', () => {
    expect(adviceFor(about)).not.toEqual(adviceFor('terminated'))
    expect(text(about)).toMatch(/\w{4}.*\.$/)
    for (const [, rest = ''] of text(about).matchAll(/iapeer (?:logs|set) (\S+)/g))
      expect(rest).toMatch(/^<peer>/)
  })
})

it('says that logs were not read where they could name the killer', () => {
  const unread = { section: 'kernel-log', fact: 'the kernel log was not read: no permission' }
  const about: Verdict = { verdict: 'killed-by-signal', confidence: 'high', summary: 'x', evidence: [unread] }
  expect(text(about)).toMatch(/sudo dmesg/)
  expect(text({ ...about, evidence: [] })).not.toMatch(/dmesg/)
  expect(text({ ...about, verdict: 'agent-failed' })).not.toMatch(/dmesg/)
})

it('does not speak of a limit where a pipe is broken', () => {
  for (const exit of [bySignal('SIGPIPE'), exitCode(141)]) {
    expect(text(judged({ exit }))).toMatch(/reader of its output/)
    expect(text(judged({ exit }))).not.toMatch(/ulimit/)
  }
  expect(text(judged({ exit: bySignal('SIGXCPU') }))).toMatch(/ulimit/)
})

describe('the advice about a sender that the witness saw', () => {
  const sent = (comm: string, command: string): string =>
    text(
      judged({
        exit: exitCode(143),
        sections: {
          'signal-witness': [
            `sender_pid=66 sender_comm=${comm} sender_command="${command}" signal=SIGTERM target_pid=${LEADER} ts=${new Date(DEATH_MS - 20).toISOString()}`,
          ],
        },
      }),
    )
  it('fits a program, a service manager, and each memory daemon', () => {
    expect(sent('pkill', 'pkill node')).toMatch(/^Check why the process above sent the signal/)
    expect(sent('systemd', '/usr/lib/systemd/systemd --user')).toMatch(/loginctl enable-linger/)
    expect(sent('earlyoom', '/usr/bin/earlyoom -r 3600')).toMatch(/--avoid option/)
    expect(sent('systemd-oomd', '/usr/lib/systemd/systemd-oomd')).toMatch(/ManagedOOMPreference/)
  })
})

it('names the unread kernel log for a wrapper that exits with 137', () => {
  expect(text(judged({ exit: exitCode(137) }))).toMatch(/sudo dmesg/)
  expect(text(judged({ exit: exitCode(137), kernelLog: [] }))).not.toMatch(/sudo dmesg/)
})
