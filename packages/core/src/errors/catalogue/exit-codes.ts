/** An exit code of the `iapeer` command. */
export interface ExitMeaning {
  readonly code: number
  readonly meaning: string
  /** Set where no command exits with it yet. */
  readonly reserved?: true
}

/** The exit codes of the `iapeer` command. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'The command succeeded.' },
  failed: { code: 1, meaning: 'The command failed, or `verify` or `doctor` found something to repair.' },
  usage: { code: 2, meaning: 'The command line, a value or a setting is invalid.' },
  notRunning: { code: 3, meaning: 'The peer, server, daemon or service is not running.' },
  noSuchPeer: { code: 4, meaning: 'The peer or death does not exist.' },
  daemonUnreachable: {
    code: 5,
    meaning: 'The daemon does not answer, is stalled, or accepts no more clients.',
  },
  waiting: {
    code: 6,
    meaning:
      'The message is stored, and was not taken or answered: it waits, is held, or is not proven to be taken.',
  },
  returned: { code: 7, meaning: 'The message was returned: it will not be delivered.' },
  blocked: { code: 8, meaning: 'The peer is running, but shows a dialog that only a person can answer.' },
  timedOut: { code: 9, meaning: 'The time limit of the command passed; a message stays stored.' },
  interrupted: { code: 130, meaning: 'The command was interrupted.' },
} as const satisfies Readonly<Record<string, ExitMeaning>>

/** The number of each exit code. */
export const EXIT = {
  ok: EXIT_CODES.ok.code,
  failed: EXIT_CODES.failed.code,
  usage: EXIT_CODES.usage.code,
  notRunning: EXIT_CODES.notRunning.code,
  noSuchPeer: EXIT_CODES.noSuchPeer.code,
  daemonUnreachable: EXIT_CODES.daemonUnreachable.code,
  waiting: EXIT_CODES.waiting.code,
  returned: EXIT_CODES.returned.code,
  blocked: EXIT_CODES.blocked.code,
  timedOut: EXIT_CODES.timedOut.code,
  interrupted: EXIT_CODES.interrupted.code,
} as const
