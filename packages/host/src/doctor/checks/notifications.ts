import type { Check, DoctorContext, Finding } from '../finding.ts'

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
