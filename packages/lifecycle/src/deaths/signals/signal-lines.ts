import { formatLogfmt } from '@iapeer/core/logfmt'
import type { SeenSignal } from './signal-memory.ts'

/** Formats that the witness was on at a death: then no signal that it did not see was sent by another process. */
export const watchingLine = (sinceMs: number): string =>
  `watching ${formatLogfmt({ since: new Date(sinceMs).toISOString() })}`

/** Formats a signal for a section `signal-witness`: its sender, then one line for each ancestor of the sender. */
export function signalLines({ signal, atMs, target, sender }: SeenSignal): string[] {
  const common = {
    signal,
    target_pid: target.pid,
    target_comm: target.comm,
    ts: new Date(atMs).toISOString(),
  }
  if (sender === 'kernel') return [formatLogfmt({ sender_pid: 0, sender_comm: 'kernel', ...common })]
  const { pid, comm, command, user, ancestors } = sender
  const sent = { sender_pid: pid, sender_comm: comm, sender_user: user, sender_command: command, ...common }
  return [
    formatLogfmt(sent),
    ...ancestors.map(
      (one) => `ancestor ${formatLogfmt({ pid: one.pid, comm: one.comm, command: one.command })}`,
    ),
  ]
}
