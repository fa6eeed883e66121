import { JSON_LINES, NO_PAGER, parseCount, UTC } from '../options.ts'
import { AS } from './caller.ts'

/** The options of commands that list messages. */
export const ALL = { short: 'a', help: 'also those that are closed' } as const
export const LIST_OPTIONS = {
  number: {
    short: 'n',
    value: 'count',
    help: 'only the newest (default: all)',
    parse: parseCount('--number', 'messages'),
  },
  as: AS,
  json: JSON_LINES,
  noPager: NO_PAGER,
  utc: UTC,
} as const

/** The argument of commands that list messages. */
export const MAILBOX = { optional: true, help: 'a peer, or operator (default: you)' } as const

/** Returns the newest of a list, the oldest first. */
export const newest = <T>(all: readonly T[], count: number | undefined): readonly T[] =>
  count === undefined ? all : all.slice(Math.max(0, all.length - count))
