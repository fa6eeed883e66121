import { IapeerError } from '@iapeer/core/errors'
import type { MessageSender } from '@iapeer/core/mailbox'
import { iapeerRoot } from '@iapeer/core/paths'
import { identifySender, senderName } from '@iapeer/lifecycle/mail'
import { usageError } from '../../exit-code.ts'
import { oneOf } from '../options.ts'

/** `--as operator` of commands that act for a person. */
export const AS = {
  value: 'operator',
  help: 'act as the operator, where no terminal proves it (a script); refused inside a session',
  parse: oneOf(['operator'] as const, (text) =>
    usageError(
      `invalid --as ${JSON.stringify(text)}: expected operator`,
      'Use --as operator, or leave it out.',
    ),
  ),
} as const

/** The option {@link AS}, as a command gets it. */
export interface AsOption {
  readonly as: 'operator' | undefined
}

/** Returns the caller of this command. @throws IapeerError `bearer-unknown`, `not-the-operator` */
export const callerOf = ({ as }: AsOption): Promise<MessageSender> =>
  identifySender(iapeerRoot(), { env: process.env, asOperator: as !== undefined })

/** Returns the name of the caller, whose messages a command prints. @throws IapeerError `usage` for an unknown caller */
export function ownName(caller: MessageSender): string {
  if (caller.kind !== 'unknown') return senderName(caller)
  throw usageError(
    'whose messages? This process is in no session of a peer, and has no terminal of a person',
    'Name the mailbox: a peer, or operator.',
  )
}

/** Checks that a person calls, because the command changes what others get. @throws IapeerError `not-the-operator` */
export function assertOperator(caller: MessageSender, act: string): void {
  if (caller.kind === 'operator') return
  throw new IapeerError(`only the operator ${act}`, {
    code: 'not-the-operator',
    hint: 'Run it in a terminal of your own, or with --as operator outside of every session.',
  })
}
