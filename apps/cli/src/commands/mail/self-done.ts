import { iapeerRoot } from '@iapeer/core/paths'
import { finishOwnTask } from '@iapeer/lifecycle/fleet'
import { identifySender } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'

export default defineCommand({
  name: 'self-done',
  summary: 'for an agent, in its own session: say that the task is done, without an answer',
  details: `Closes the message that the session works on as handled. The daemon then stops
the session of a worker (wake_policy ephemeral); its next task gets a fresh one.`,
  options: { json: JSON_OUTPUT },
  run: async ({ options: { json } }) => {
    const root = iapeerRoot()
    const hadTask = await finishOwnTask(root, await identifySender(root, { env: process.env }))
    if (json) return printJson({ hadTask })
    print(hadTask ? 'the task is closed' : 'this session has no open task')
  },
})
