import { IapeerError, receivedCode } from '@iapeer/core/errors'

import { type Fields, fieldsOf, list, number, text, word } from '@iapeer/core/json'
import { LAUNCH_STATES, type LaunchView, type Outcome, type StopView } from '../fleet/index.ts'
import { type DaemonResponse, unreachable } from './request.ts'

const foreign = (): IapeerError => unreachable('its answer is not one of this version')

/** The body of an answer. @throws IapeerError what the daemon says went wrong, with its code and hint */
export function bodyOf({ status, value }: DaemonResponse): Fields {
  const fields = fieldsOf(value)
  if (status >= 200 && status < 300) return fields
  const error = fieldsOf(fields['error'])
  const [code, message, hint] = [text(error['code']), text(error['message']), text(error['hint'])]
  if (code === undefined || message === undefined) throw foreign()
  throw new IapeerError(message, { code: receivedCode(code), ...(hint === undefined ? {} : { hint }) })
}

/** Those of the fields that are there, and are text. */
function textsOf<Name extends string>(fields: Fields, names: readonly Name[]): Partial<Record<Name, string>> {
  const texts: Partial<Record<Name, string>> = {}
  for (const name of names) {
    const value = text(fields[name])
    if (value !== undefined) texts[name] = value
  }
  return texts
}

/** @throws IapeerError `daemon-unreachable` */
export function launchOf(value: unknown): LaunchView {
  const fields = fieldsOf(value)
  const state = word(fields['state'], LAUNCH_STATES)
  const [identity, gen, startedAt] = [
    text(fields['identity']),
    text(fields['gen']),
    text(fields['startedAt']),
  ]
  const [serverPid, leaderPid] = [number(fields['serverPid']), number(fields['leaderPid'])]
  if (state === undefined || identity === undefined || startedAt === undefined) throw foreign()
  if (serverPid === undefined || leaderPid === undefined) throw foreign()
  const warnings = list(fields['warnings']).filter((one) => typeof one === 'string')
  return {
    state,
    identity,
    ...(gen === undefined ? {} : { gen }),
    serverPid,
    leaderPid,
    startedAt,
    ...textsOf(fields, ['dialog', 'hint', 'screen']),
    warnings,
  }
}

function stopOf(value: unknown): StopView {
  const fields = fieldsOf(value)
  const identity = text(fields['identity'])
  const state = word(fields['state'], ['ended', 'session-ended', 'already-dead', 'stopped'])
  const leader = word(fields['leader'], ['asked', 'killed', 'gone'])
  const ms = number(fields['ms'])
  if (identity === undefined || state === undefined) throw foreign()
  return {
    identity,
    state,
    ...(leader === undefined ? {} : { leader }),
    ...(ms === undefined ? {} : { ms }),
  }
}

/** @throws IapeerError `daemon-unreachable` */
export const stopsOf = (value: unknown): StopView[] => list(value).map(stopOf)

/** @throws IapeerError `daemon-unreachable` */
export function outcomeOf(value: unknown): Outcome {
  const fields = fieldsOf(value)
  const state = text(fields['state'])
  const mode = word(fields['mode'], ['fresh', 'resume'])
  if (state === undefined) throw foreign()
  const session = fields['session'] === undefined ? {} : { session: launchOf(fields['session']) }
  return { state, ...(mode === undefined ? {} : { mode }), ...session }
}

/** What a daemon says of itself. */
export interface DaemonHealth {
  readonly status: string
  readonly pid: number
  readonly version: string
  readonly startedAt: string
  /** What keeps deaths from being written down, one line each. */
  readonly problems: readonly string[]
}

/** @throws IapeerError `daemon-unreachable` */
export function healthOf(value: unknown): DaemonHealth {
  const fields = fieldsOf(value)
  const [status, version, startedAt] = [
    text(fields['status']),
    text(fields['version']),
    text(fields['startedAt']),
  ]
  const pid = number(fields['pid'])
  if (status === undefined || version === undefined || startedAt === undefined || pid === undefined)
    throw foreign()
  const problems = list(fields['problems']).map((one) => {
    const { what, where } = fieldsOf(one)
    return [text(what), text(where)].filter((word) => word !== undefined).join(' ')
  })
  return { status, pid, version, startedAt, problems }
}
