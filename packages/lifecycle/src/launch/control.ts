import { IapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { TmuxServer } from '@iapeer/tmux'
import { adapterOf, type Control } from '../runtimes/index.ts'
import { type PeerSession, phaseOf } from '../sessions/index.ts'
import { paneLogOf } from './plan.ts'
import { type Pane, press, watchPane } from './screen/pane.ts'
import { typeMessage } from './screen/type-message.ts'

/** The time limit of one control, in milliseconds. It is tried once, and never later. */
const CONTROL_MS = 60_000
/** How long a program may take to show the effect of a key. */
const EFFECT_MS = 5_000

/**
 * The result of a control. `done`: the program shows the effect. `nothing-to-do`: it does not work. `unconfirmed`: the input was given,
 * and the program shows no effect, or reports no state.
 */
export type Controlled = 'done' | 'nothing-to-do' | 'unconfirmed'

function paneOf(root: string, session: PeerSession): Pane {
  const { identity, socketPath, server, paneId, leader } = session
  const parts = parseIdentity(identity)
  if (parts === undefined) throw new RangeError(`not an identity: ${identity}`)
  return {
    identity,
    adapter: adapterOf(parts.runtime),
    handle: new TmuxServer({ socketPath, process: server }),
    paneId,
    leader,
    paneLog: { path: paneLogOf(root, parts), from: 0 },
    deadline: performance.now() + CONTROL_MS,
  }
}

function refused(session: PeerSession, why: string, hint: string): IapeerError {
  return new IapeerError(`${session.identity} ${why}`, { code: 'not-now', hint })
}

/** Interrupts a program that works. Where a dialog waits for a person, the key would answer that: nothing is pressed. */
async function interrupt(pane: Pane, session: PeerSession, key: string): Promise<Controlled> {
  const report = await pane.adapter.report?.(session.leader)
  if (report?.status === 'waiting')
    throw refused(
      session,
      'waits for a person, and is not interrupted',
      `Answer it: iapeer attach ${session.identity}`,
    )
  if (report?.status === 'idle') return 'nothing-to-do'
  await press(pane, key)
  if (report === undefined) return 'unconfirmed'
  const limited = { ...pane, deadline: performance.now() + EFFECT_MS }
  const { answer } = await watchPane(limited, (state) => (state.report?.status === 'idle' ? true : undefined))
  return answer === true ? 'done' : 'unconfirmed'
}

/** Types a command of the program. A program that works would take it as a message, or later: it is not typed then. */
async function type(pane: Pane, session: PeerSession, text: string): Promise<Controlled> {
  const report = await pane.adapter.report?.(session.leader)
  if (report !== undefined && report.status !== 'idle')
    throw refused(session, `is ${report.status}, and gets no command now`, 'Try again when it is idle.')
  return (await typeMessage(pane, text)) === 'taken' ? 'done' : 'unconfirmed'
}

/**
 * Gives a running session a control: interrupts it, or types a command such as `/compact`. It is tried once.
 * @throws IapeerError `no-such-control`, `not-now`, `program-ended`; those of tmux
 */
export async function controlSession(
  root: string,
  session: PeerSession,
  control: Extract<Control, 'interrupt' | 'compact'>,
): Promise<Controlled> {
  const pane = paneOf(root, session)
  const input = pane.adapter.executeControl(control)
  if (input === undefined)
    throw new IapeerError(`the runtime ${pane.adapter.name} has no ${control}`, {
      code: 'no-such-control',
      hint: `iapeer send-keys ${session.identity} sends any key.`,
    })
  if (phaseOf(session) !== 'ready')
    throw refused(session, 'is not ready', `See iapeer show ${session.identity}.`)
  return 'key' in input ? interrupt(pane, session, input.key) : type(pane, session, input.text)
}
