import { IapeerError } from '@iapeer/core/errors'

interface UnreachableDetails {
  /** The system error, if there was one. */
  readonly cause?: unknown
  /** @default false */
  readonly delivered?: boolean
}

/**
 * The error `daemon-unreachable`: a daemon listens, but it does not answer, or its answer does not match the schema. Message and hint
 * depend on `delivered`.
 */
export class DaemonUnreachable extends IapeerError {
  /** Whether the daemon received the whole action and may have carried it out. If false, it did nothing and will do nothing. */
  readonly delivered: boolean

  constructor(why: string, { cause, delivered = false }: UnreachableDetails = {}) {
    const message = delivered
      ? 'the daemon received the request and may have carried it out; the outcome is not known'
      : 'the daemon cannot be reached'
    super(`${message}: ${why}`, {
      code: 'daemon-unreachable',
      hint: delivered
        ? 'iapeer list prints the state of every peer now; iapeer daemon status prints the state of the daemon.'
        : 'Print the state of the daemon: iapeer daemon status',
      cause,
    })
    this.delivered = delivered
  }
}
