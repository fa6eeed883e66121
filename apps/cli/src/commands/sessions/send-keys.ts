import { TmuxServer } from '@iapeer/tmux'
import { runningSession } from './running-session.ts'

/** tmux's own names of keys: `Enter`, `F5`, `C-c`, `M-x`. Anything else is text. */
const KEY =
  /^(?:[CMS]-)+\S+$|^(?:Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PgUp|PgDn|PageUp|PageDown|IC|DC|F\d{1,2})$/

export async function sendKeys(peer: string, keys: readonly string[]): Promise<void> {
  const { socketPath, server, paneId } = await runningSession(peer)
  const presses = keys.map((word) => (KEY.test(word) ? { key: word } : { text: word }))
  await new TmuxServer({ socketPath, process: server }).sendKeys(paneId, presses)
}
