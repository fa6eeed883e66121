export { checkCursor } from './cursor.ts'
export { DirectoryWatch } from './directory-watch.ts'
export {
  type ExtraFields,
  type LifecycleEvent,
  type RecordedEvent,
  SUPERVISE_ACTIONS,
  type SuperviseAction,
} from './event.ts'
export { createEventLog, type EventLog, type EventLogOptions } from './event-log.ts'
export { type EventFilter, passes } from './filter.ts'
export { type FollowedEvent, type FollowOptions, followEvents } from './follow-events.ts'
export { type EventsRead, endCursor, type ReadEventsFilter, readEvents } from './read-events.ts'
export { eventLogLimits } from './settings.ts'
