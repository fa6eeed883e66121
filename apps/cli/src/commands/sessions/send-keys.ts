import { TmuxServer } from '@iapeer/tmux'
import { defineCommand } from '../../define-command.ts'
import { PEER } from '../peers/peer-argument.ts'
import { runningSession } from './running-session.ts'

/** Matches tmux's names of keys: `Enter`, `F5`, `C-c`, `M-x`. Any other word is sent as text. */
const KEY =
  /^(?:[CMS]-)+\S+$|^(?:Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PgUp|PgDn|PageUp|PageDown|IC|DC|F\d{1,2})$/

export default defineCommand({
  name: 'send-keys',
  exitCodes: { 3: 'not running', 4: 'no such peer' },
  summary: 'send keys to the terminal of a peer',
  args: { peer: PEER, keys: { variadic: true, help: "tmux's names of keys (Enter, C-c, Down), or text" } },
  run: async ({ args: { peer, keys } }) => {
    const { socketPath, server, paneId } = (await runningSession(peer)).session
    const presses = keys.map((word) => (KEY.test(word) ? { key: word } : { text: word }))
    await new TmuxServer({ socketPath, process: server }).sendKeys(paneId, presses)
  },
})
