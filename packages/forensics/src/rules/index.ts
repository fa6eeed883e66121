import { COMMAND_RULES } from './commands.ts'
import { CRASH_RULES } from './crashes.ts'
import { KILL_RULES } from './kills.ts'
import { MEMORY_RULES } from './memory.ts'
import type { Rule } from './rule.ts'
import { STATUS_RULES } from './status.ts'
import { SYSTEMD_RULES } from './systemd.ts'

/**
 * The version of the rules and of the facts that they use; it is kept with each verdict. Raise it with every change that can lead
 * to another verdict or confidence.
 */
export const RULES_VERSION = 3

/**
 * The rules that turn facts into a verdict. The first rule that applies decides, so rules on direct evidence come before
 * rules on an exit status. A verdict has confidence `high` only if a log line or a counter names the process or its cgroup,
 * if a witness saw the cause, or if a wait status shows it.
 */
export const RULES: readonly Rule[] = [
  ...COMMAND_RULES,
  ...KILL_RULES,
  ...CRASH_RULES,
  ...SYSTEMD_RULES,
  ...MEMORY_RULES,
  ...STATUS_RULES,
]
