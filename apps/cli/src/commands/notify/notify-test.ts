import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { channelsOf, type Delivered, type Notification } from '@iapeer/lifecycle/deaths'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'

/** Returns a sample that looks like the notification about a peer that is not restarted. */
const sampleOf = (now: Date): Notification => ({
  schemaVersion: 1,
  id: `test-${now.getTime()}`,
  kind: 'death',
  identity: 'command-sample',
  summary: 'command-sample: this is a test of iapeer notify; nothing has died',
  next: 'nothing to do',
  lastLine: 'the last line on the screen of the agent',
  verdict: 'unknown',
  confidence: 'low',
  deaths: [],
})

interface Result extends Delivered {
  readonly name: string
  readonly where: string
}

function noSuchChannel(all: readonly { readonly name: string }[], channel: string | undefined): IapeerError {
  if (channel === undefined || all.length === 0)
    return new IapeerError('no channel of notifications is set up', {
      code: 'no-such-channel',
      hint: 'Set one up: iapeer config set notify.urls URL, or a hook (iapeer notify list shows how).',
    })
  const names = all.map(({ name }) => name).join(', ')
  const message = `no channel is named ${JSON.stringify(channel)}: there are ${names}`
  return new IapeerError(message, { code: 'no-such-channel', hint: 'iapeer notify list shows the channels.' })
}

export default defineCommand({
  name: 'notify test',
  summary: 'send a sample notification and print the answer (exit code 1: it was not delivered)',
  args: { channel: { optional: true, help: 'the name of a channel of iapeer notify list; all by default' } },
  options: { json: JSON_OUTPUT },
  run: async ({ args, options }) => {
    const all = await channelsOf(iapeerRoot(), process.env)
    const wanted = all.filter(({ name }) => args.channel === undefined || name === args.channel)
    if (wanted.length === 0) throw noSuchChannel(all, args.channel)
    const sample = sampleOf(new Date())
    const results: Result[] = await Promise.all(
      wanted.map(async ({ name, where, deliver }) => ({ name, where, ...(await deliver(sample)) })),
    )
    if (results.some(({ ok }) => !ok)) process.exitCode = EXIT.failed
    if (options.json) {
      const shown = results.map(({ name, where, ok, answer }) => ({ name, where, ok, answer }))
      printJson({ schemaVersion: 2, results: shown })
      return
    }
    for (const { name, where, ok, answer } of results) {
      const mark = ok ? paint('green', '✓') : paint('red', '✕')
      print(`${mark} ${name}  ${plain(where)}\n  ${ok ? 'delivered' : 'not delivered'}: ${plain(answer)}`)
    }
  },
})
