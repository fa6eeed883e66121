import { stoppedProcesses } from '@iapeer/core/process'
import { phaseOf } from '../../../sessions/index.ts'
import { declaredMail } from '../../settings.ts'
import type { MailAdapter, Way } from '../../way.ts'
import { directoryWay } from './directory.ts'
import { paneJson } from './pane-json.ts'
import { socketWay } from './socket.ts'

const WAYS: Readonly<Record<'pane-json' | 'directory' | 'socket', Way>> = {
  'pane-json': paneJson,
  directory: directoryWay,
  socket: socketWay,
}

/** Delivers to a program in the way that `interfaces.mail` of its profile declares. Without one, its messages wait to be read. */
export const commandMail: MailAdapter = {
  hasTurns: false,
  ways: ({ profile }) => {
    const { way } = declaredMail(profile)
    return way === undefined ? [] : [WAYS[way]]
  },
  readiness: async ({ session }) => {
    const phase = phaseOf(session)
    if (phase !== 'ready') return phase
    return (await stoppedProcesses([session.leader.pid])).size > 0 ? 'frozen' : 'ready'
  },
  // A program that has moved a file before it died has handled that message.
  lastLook: (target, request) =>
    request.attempt.way === 'directory'
      ? directoryWay.prove(target, request)
      : Promise.resolve({ kind: 'none' }),
  turn: async () => ({ kind: 'unknown' }),
  showedLife: async () => false,
}
