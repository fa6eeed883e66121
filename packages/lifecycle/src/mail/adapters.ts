import { type Identity, parseIdentity } from '@iapeer/core/identity'
import type { MailAdapter } from './way.ts'
import { claudeMail } from './ways/claude/index.ts'
import { codexMail } from './ways/codex/index.ts'
import { commandMail } from './ways/command/index.ts'

/** The adapters of runtimes that have ways of their own; every other runtime is served as its profile declares. */
const ADAPTERS: ReadonlyMap<string, MailAdapter> = new Map([
  ['claude', claudeMail],
  ['codex', codexMail],
])

/** Returns how messages reach the sessions of an identity. */
export const mailAdapterOf = (identity: Identity): MailAdapter =>
  ADAPTERS.get(parseIdentity(identity)?.runtime ?? '') ?? commandMail

/** Whether a runtime has ways of its own, which its profile does not declare. */
export const hasOwnAdapter = (runtime: string): boolean => ADAPTERS.has(runtime)
