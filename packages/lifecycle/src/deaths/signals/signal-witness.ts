import { type FollowedProgram, followProgram } from '@iapeer/core/exec'
import { installFollowScript } from './follow-script.ts'
import { SignalMemory, type SignalSource } from './signal-memory.ts'
import { parseTraceLine } from './trace-line.ts'
import { openTraceInstance, type TraceInstance } from './tracefs.ts'

/** A running trace of fatal signals. */
export interface SignalWitness extends SignalSource {
  /** Whether the trace of a killed daemon was taken over: then the signals since are known too. */
  readonly takenOver: boolean
  /** Resolves when it does not see signals any more: it was stopped, or its reader exited. */
  readonly lost: Promise<void>
  /** Stops the reader and removes the trace instance from the kernel. */
  readonly stop: () => Promise<void>
}

async function follow(root: string, instance: TraceInstance, memory: SignalMemory): Promise<FollowedProgram> {
  const onLine = (text: string): void => {
    const line = parseTraceLine(text)
    if (line !== undefined) memory.note(line)
  }
  const env = { PATH: '/usr/bin:/bin:/usr/local/bin', LC_ALL: 'C' }
  return followProgram(['/bin/sh', await installFollowScript(root), instance.pipe], { env, onLine })
}

/**
 * Traces which process sends a fatal signal to which process, in a trace instance for this root. Needs Linux, and root or a
 * tracefs that this user can write.
 * @throws IapeerError `no-signal-witness`, `cannot-run`, those of `installFollowScript`
 */
export async function witnessSignals(root: string): Promise<SignalWitness> {
  const instance = await openTraceInstance(root)
  const memory = new SignalMemory(instance.clock)
  const reader = await follow(root, instance, memory).catch(async (error: unknown) => {
    await instance.remove()
    throw error
  })
  return {
    takenOver: instance.takenOver,
    lost: reader.ended,
    signalsTo: (pid, span) => memory.signalsTo(pid, span),
    watchingSince: () => memory.watchingSince(),
    stop: async () => {
      await reader.stop()
      await instance.remove()
    },
  }
}
