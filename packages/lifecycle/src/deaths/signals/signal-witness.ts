import { type FollowedProgram, followProgram } from '@iapeer/core/exec'
import { installFollowScript } from './follow-script.ts'
import { SignalMemory, type SignalSource } from './signal-memory.ts'
import { parseTraceLine } from './trace-line.ts'
import { openTraceInstance, type TraceInstance } from './tracefs.ts'

export interface SignalWitness extends SignalSource {
  /** What a killed daemon had left was taken over: signals of the time between are known. */
  readonly takenOver: boolean
  /** Resolves when it sees nothing any more: it was stopped, or its reader has ended. */
  readonly lost: Promise<void>
  /** Leaves nothing of it in the kernel. */
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
 * Watches which process sends a fatal signal to which, by a tracing instance of this root's own. Linux, as root or with a
 * tracefs that this user may write.
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
    stop: async () => {
      await reader.stop()
      await instance.remove()
    },
  }
}
