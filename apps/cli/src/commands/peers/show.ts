import { toIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { profilePath, readProfile } from '@iapeer/core/profile'
import { exitText, type LastDeath, peerFields, peerStatus, settleFleet } from '@iapeer/lifecycle/fleet'
import { type MailRoute, type MailSummary, mailRoute, mailSummary } from '@iapeer/lifecycle/mail'
import { containmentOf, readSession } from '@iapeer/lifecycle/sessions'
import { tokensView } from '@iapeer/lifecycle/tokens'
import { cut } from '../../cut.ts'
import { defineCommand } from '../../define-command.ts'
import { commandText, paint, plain, print, printJson } from '../../output.ts'
import { table, tableWidth, widthOf } from '../../table.ts'
import { ageText, timeText } from '../../times.ts'
import { wrap } from '../../wrap.ts'
import { reportRecordingProblem } from '../deaths/recording-problem.ts'
import { wayText } from '../mail/message-text.ts'
import { JSON_OUTPUT, UTC } from '../options.ts'
import { blockedText } from '../sessions/blocked-text.ts'
import { finishBlockedLaunches } from './finish-blocked.ts'
import { containmentRows } from './limits-text.ts'
import { PERMISSIONS_TEXT } from './new-peer.ts'
import { PEER } from './peer-argument.ts'
import { peerEntry } from './peer-entry.ts'
import { mailText } from './peer-mail.ts'
import { glyphOf, homeShort, paintedState } from './peer-table.ts'
import { sessionName } from './session-name.ts'
import { environmentRows, recordedEnvironment } from './show-environment.ts'
import { liveFacts, screenTail, serviceFacts } from './show-live.ts'
import { tokensRows } from './tokens-text.ts'
import { turnRow } from './turn-row.ts'

/** Returns the last death in one line: `SIGKILL, 3 min ago (iapeer autopsy bob)`. */
function deathText(death: LastDeath, options: { readonly utc: boolean }): string {
  const verdict = death.verdict === undefined ? '' : ` (${death.verdict})`
  return `${exitText(death) ?? 'cause unknown'}${verdict}, ${timeText(death.ts, options)}: iapeer autopsy ${death.id}`
}

/** Returns how messages reach a peer: `directory`, or what a person does about it. */
function routeText(route: MailRoute, peer: string): string {
  if (route.kind === 'way')
    return route.why === undefined ? wayText(route.way) : `${wayText(route.way)}, not now: ${route.why}`
  if (route.kind === 'pull') return `wait to be read (iapeer inbox ${peer})`
  return route.kind === 'unknown'
    ? 'given once it runs'
    : `the session was started before messages: restart it (iapeer restart ${peer})`
}

/** Returns the open messages of a peer and the age of the oldest; undefined if there are none. */
function openMailText(mail: MailSummary | undefined, options: { readonly utc: boolean }): string | undefined {
  const text = mail === undefined ? '' : mailText(mail, { withTaken: true })
  if (mail === undefined || text === '') return undefined
  return mail.oldestAt === undefined ? text : `${text}; the oldest: ${ageText(mail.oldestAt, options)}`
}

/** The fewest columns that a value gets. */
const MIN_VALUE = 16

/** Formats keys and values as two columns; a value is continued below itself. */
function factTable(rows: readonly (readonly [key: string, value: string])[], columns: number): string {
  const keys = Math.max(0, ...rows.map(([key]) => widthOf(key)))
  const values = Math.max(MIN_VALUE, columns - keys - 2)
  const linesOf = ([key, value]: readonly [string, string]): [string, string][] =>
    (Number.isFinite(values) ? wrap(value, values) : [value]).map((line, at) => [at === 0 ? key : '', line])
  return table(rows.flatMap(linesOf))
}

export default defineCommand({
  name: 'show',
  exitCodes: { 4: 'no such peer' },
  summary: 'print everything about a peer',
  args: { peer: PEER },
  options: { json: JSON_OUTPUT, utc: UTC },
  run: async ({ args: { peer }, options }) => {
    await settleFleet(iapeerRoot())
    const entry = await peerEntry(peer)
    await finishBlockedLaunches(iapeerRoot())
    const view = await peerStatus(iapeerRoot(), peer)
    const profile = await readProfile(entry.home)
    const { permissions } = view
    const environment = await recordedEnvironment(view)
    const { wakePolicy, restart, afterReboot, idleSecs, initialPrompt, command } = profile ?? {}
    const settings = { wakePolicy, restart, afterReboot, idleSecs, initialPrompt, command }
    const interfaces = Object.keys(profile?.interfaces ?? entry.interfaces)
    const session = await readSession(iapeerRoot(), toIdentity(view.identity))
    const tokens = await tokensView(iapeerRoot(), toIdentity(view.identity), session)
    const route = await mailRoute(iapeerRoot(), entry, session)
    const containment = await containmentOf(
      view.leaderPid === undefined ? undefined : session,
      profile?.limits,
    )
    const mail = await mailSummary(iapeerRoot(), entry)
    const current = profile === undefined ? entry : { ...entry, ...profile, cwd: profile.cwd ?? entry.home }
    if (options.json) {
      await reportRecordingProblem()
      const fields = {
        ...view,
        ...peerFields(current),
        identity: view.identity,
        ...settings,
        interfaces,
        mail,
        tokens,
        containment,
      }
      printJson({ ...fields, messages: route, ...(environment === undefined ? {} : { environment }) })
      return
    }
    const { shown, since, restarts, death } = view
    const rows: [string, string | undefined][] = [
      [
        'runtimes',
        current.runtimes.map((one) => (one === current.defaultRuntime ? `${one} (default)` : one)).join(', '),
      ],
      ['state', `${paintedState(shown)}${since === undefined ? '' : `, since ${timeText(since, options)}`}`],
      ['turn', turnRow(view.turn, options)],
      ...(await liveFacts(view)),
      ...tokensRows(tokens),
      ...containmentRows(containment),
      ['conversation', view.conversation],
      ['not resumed', view.resumeProblem],
      ['restarts', restarts === undefined ? undefined : `${restarts} in a row`],
      ['last death', death === undefined ? undefined : deathText(death, options)],
      ['messages', routeText(route, current.personality)],
      ['open messages', openMailText(mail, options)],
      ['kind', current.intelligence],
      ['home', homeShort(current.home)],
      ['cwd', current.cwd === current.home ? undefined : homeShort(current.cwd)],
      ['permissions', permissions === undefined ? undefined : PERMISSIONS_TEXT[permissions]],
      ...environmentRows(environment, options),
      ['wake policy', wakePolicy],
      ['restart policy', restart ?? 'no'],
      ['after reboot', afterReboot],
      ['suspend after', idleSecs === undefined ? undefined : `${idleSecs} s idle`],
      ['command', command === undefined ? undefined : commandText(command)],
      ['interfaces', interfaces.length === 0 ? undefined : interfaces.join(', ')],
      ['first prompt', initialPrompt],
      ['profile', profile === undefined ? 'missing: iapeer verify' : homeShort(profilePath(entry.home))],
      ...(await serviceFacts()),
    ]
    print(
      `${glyphOf(shown)} ${paint('bold', current.personality)}${current.description === '' ? '' : `  ${plain(current.description)}`}`,
    )
    const known = rows.flatMap(([key, value]): [string, string][] =>
      value === undefined ? [] : [[`  ${paint('dim', key)}`, key === 'state' ? value : plain(value)]],
    )
    print(factTable(known, tableWidth()))
    const { state, identity, leaderPid, dialog, hint, screen } = view
    if (state === 'blocked' && leaderPid !== undefined)
      print(blockedText(sessionName(identity, view.runtimes), { leaderPid, dialog, hint, screen }))
    else {
      const tail = await screenTail(view)
      const lines = tail.map((line) => cut(`  ${plain(line)}`, tableWidth()))
      if (lines.length > 0) print(`\n${lines.join('\n')}`)
    }
    await reportRecordingProblem()
  },
})
