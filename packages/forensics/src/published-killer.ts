import type { Killer, SeenProcess } from './witness.ts'

/** How the text of a fact about an ancestor of the killer starts. */
export const STARTED_BY = 'started by pid '

/** Long-lived parents that unrelated commands share. They prove no common cause, and a session or a service starts below them. */
const COMMON_PARENT =
  /(?:^|\/)(?:systemd|init|launchd|sshd|login|tmux|screen|zellij|cron|crond|containerd-shim\S*|dockerd|gnome-\S+|Terminal|iTerm2?)(?::| |$)/

/** Returns whether a command is that of a parent that unrelated commands share. */
export const isCommonParent = (command: string): boolean => COMMON_PARENT.test(command)

/** How many processes keep their arguments: the killer and its parent. */
const WITH_ARGUMENTS = 2

/** Returns a process with the first word of its command only. */
function withoutArguments(one: SeenProcess): SeenProcess {
  const [program = ''] = /^"(?:[^"\\]|\\.)*"|^\S+/.exec(one.command) ?? []
  return { ...one, command: program }
}

/** Returns whether two processes belong to one session, as far as that was recorded. */
const isSameSession = (one: SeenProcess, other: SeenProcess): boolean =>
  (one.user === undefined || other.user === undefined || one.user === other.user) &&
  (one.tty === undefined || other.tty === undefined || one.tty === other.tty) &&
  (one.session === undefined || other.session === undefined || one.session === other.session)

/**
 * Returns a killer as it may leave the machine, in a notification or in an issue: its ancestors up to the start of its session
 * (its leader, the user and the terminal stay the same) or to the service manager that started it, and arguments only for the killer and its
 * parent. The arguments of the others can belong to unrelated programs.
 */
export function publishedKiller(killer: Killer): Killer {
  const ancestors: SeenProcess[] = []
  for (const one of killer.ancestors) {
    const isBoundary = isCommonParent(one.command)
    if (one.pid <= 1 || (!isBoundary && !isSameSession(one, killer))) break
    const keepsArguments = !isBoundary && ancestors.length + 1 < WITH_ARGUMENTS
    ancestors.push(keepsArguments ? one : withoutArguments(one))
    if (isBoundary) break
  }
  return { ...killer, ancestors }
}
