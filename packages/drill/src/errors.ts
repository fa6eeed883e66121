import { IapeerError } from '@iapeer/core/errors'

/** Returns the error of a drill that cannot run on this host. */
export const drillFailed = (why: string): IapeerError =>
  new IapeerError(why, {
    code: 'drill-failed',
    hint: 'Run iapeer doctor: it names what this host does not permit.',
  })

/** Returns what an error says, for a finding. */
export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
