import { IapeerError } from '@iapeer/core/errors'

interface UnreachableDetails {
  /** The system's error, where there was one. */
  readonly cause?: unknown
  /** @default false */
  readonly delivered?: boolean
}

/** A daemon listens, and did not answer, or not as its schemas say: `daemon-unreachable`. */
export class DaemonUnreachable extends IapeerError {
  /** Whether the daemon got the whole action, and so may have done it. If false, it has done nothing and will do nothing. */
  readonly delivered: boolean

  constructor(why: string, { cause, delivered = false }: UnreachableDetails = {}) {
    super(`the daemon cannot be reached: ${why}`, {
      code: 'daemon-unreachable',
      hint: 'iapeer daemon status',
      cause,
    })
    this.delivered = delivered
  }
}
