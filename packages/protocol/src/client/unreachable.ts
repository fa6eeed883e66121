import { IapeerError } from '@iapeer/core/errors'

interface UnreachableDetails {
  /** The system's error, where there was one. */
  readonly cause?: unknown
  /** @default false */
  readonly delivered?: boolean
}

/** The daemon is there and did not answer, or not as it should: `daemon-unreachable`. */
export class DaemonUnreachable extends IapeerError {
  /** Whether it was given the whole of an action, and so may have done it. While false, nothing was done and nothing will be. */
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
