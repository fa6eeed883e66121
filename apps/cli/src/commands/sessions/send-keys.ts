import { TmuxServer } from '@iapeer/tmux'
import { defineCommand } from '../../define-command.ts'
import { PEER } from '../peers/peer-named.ts'
import { runningSession } from './running-session.ts'

/** tmux's own names of keys: `Enter`, `F5`, `C-c`, `M-x`. Anything else is text. */
const KEY =
  /^(?:[CMS]-)+\S+$|^(?:Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PgUp|PgDn|PageUp|PageDown|IC|DC|F\d{1,2})$/

export default defineCommand({
  name: 'send-keys',
  summary: 'press keys in the terminal of a peer',
  args: { peer: PEER, keys: { variadic: true, help: "tmux's names (Enter, C-c, Down) or text" } },
  run: async ({ args: { peer, keys } }) => {
    const { socketPath, server, paneId } = await runningSession(peer)
    const presses = keys.map((word) => (KEY.test(word) ? { key: word } : { text: word }))
    await new TmuxServer({ socketPath, process: server }).sendKeys(paneId, presses)
  },
})
