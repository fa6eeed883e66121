import type { Check, DoctorContext, Finding, KnownChannel } from '../finding.ts'

/** Returns a finding for a channel whose last delivery failed; a later delivery ends it. */
function failed({ name, where, deliveredAt, failure }: KnownChannel): Finding[] {
  if (failure === undefined || (deliveredAt !== undefined && deliveredAt >= failure.at)) return []
  return [
    {
      id: 'notifications-failing',
      level: 'warning',
      what: `the last notification was not delivered: ${failure.why} (at ${failure.at})`,
      where: `${name}: ${where}`,
      fix: `Check the address or the hook; iapeer notify test ${name} sends a sample.`,
    },
  ]
}

async function runNotifications({ daemon }: DoctorContext): Promise<Finding[]> {
  // Without a daemon, the check of the daemon says that no notification is sent.
  if (daemon?.notifications === undefined) return []
  if (daemon.notifications.length === 0)
    return [
      {
        id: 'notifications-none',
        level: 'note',
        what: 'no notification is sent: no channel is set up',
        fix: 'iapeer notify list says how to set one up.',
      },
    ]
  const all = daemon.notifications.map(({ name, where }) => `${name}: ${where}`)
  return [
    ...daemon.notifications.flatMap(failed),
    {
      id: 'notifications',
      level: 'ok',
      what: `notifications go to ${all.join('; ')}`,
      fix: 'iapeer notify test sends a sample.',
    },
  ]
}

/** Where notifications go. */
export const notifications: Check = {
  id: 'notifications',
  title: 'Notifications',
  group: 'sessions',
  run: runNotifications,
}
