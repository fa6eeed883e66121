import { listSessions, phaseOf } from '@iapeer/lifecycle/sessions'

/** Finishes launches that a person has unblocked. The code for that is large, and is loaded only if a launch is blocked. */
export async function finishBlockedLaunches(root: string): Promise<void> {
  if ((await listSessions(root)).some((session) => phaseOf(session) === 'blocked'))
    await (await import('@iapeer/lifecycle/launch')).finishLaunches(root)
}
