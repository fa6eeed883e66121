import { IapeerError } from '@iapeer/core/errors'

interface UnreachableDetails {
  /** The system's error, where there was one. */
  readonly cause?: unknown
  /** @default false */
  readonly delivered?: boolean
}

/** A daemon listens, and did not answer, or not as its schemas say: `daemon-unreachable`. Message and hint follow from `delivered`. */
export class DaemonUnreachable extends IapeerError {
  /** Whether the daemon got the whole action, and so may have done it. If false, it has done nothing and will do nothing. */
  readonly delivered: boolean

  constructor(why: string, { cause, delivered = false }: UnreachableDetails = {}) {
    const message = delivered
      ? 'the daemon got the request and may have carried it out; the outcome is not known'
      : 'the daemon cannot be reached'
    super(`${message}: ${why}`, {
      code: 'daemon-unreachable',
      hint: delivered
        ? 'iapeer list shows what runs now; iapeer daemon status says how the daemon is.'
        : 'iapeer daemon status',
      cause,
    })
    this.delivered = delivered
  }
}
