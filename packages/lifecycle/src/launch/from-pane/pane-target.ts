import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** How a user names a pane: by its id, or by session, window and index as tmux shows them. */
export type PaneName =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'position'; readonly session: string; readonly window: string; readonly index: number }

/** A pane of the tmux server at a socket. */
export interface PaneTarget {
  readonly socketPath: string
  readonly pane: PaneName
}

const FORM =
  'Give SOCKET:%3 or SOCKET:SESSION:WINDOW.PANE; the socket is a path, or a name as for tmux -L. Inside tmux, %3 alone is a pane of that tmux.'

/** Returns the path of a socket. A word without a slash is a name in tmux's own directory (tmux(1), -L). */
export function socketPathOf(socket: string, env: NodeJS.ProcessEnv): string {
  if (socket.includes('/')) return resolve(socket)
  return join(env['TMUX_TMPDIR'] || '/tmp', `tmux-${process.getuid?.() ?? 0}`, socket)
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

function paneName(text: string): PaneName {
  if (/^%\d+$/.test(text)) return { kind: 'id', id: text }
  const [, session, window, index] = /^([^:]+):(.+)\.(\d+)$/s.exec(text) ?? []
  if (session !== undefined && window !== undefined && index !== undefined)
    return { kind: 'position', session, window, index: Number(index) }
  throw new IapeerError(`invalid pane ${JSON.stringify(text)}`, { code: 'invalid-pane', hint: FORM })
}

/** Returns the socket of the tmux that this process runs in, which $TMUX holds as `socket,pid,session`. */
const ownSocket = (env: NodeJS.ProcessEnv): string => (env['TMUX'] ?? '').split(',')[0] ?? ''

/**
 * Parses `<socket>:<pane>`, or the id of a pane of the tmux that this process runs in. Both parts may contain colons, so the first split whose socket exists is taken.
 * @throws IapeerError `invalid-pane`, `no-such-socket`
 */
export async function parsePaneTarget(text: string, env: NodeJS.ProcessEnv): Promise<PaneTarget> {
  const own = ownSocket(env)
  if (/^%\d+$/.test(text) && own !== '') return { socketPath: own, pane: { kind: 'id', id: text } }
  const colons = [...text.matchAll(/:/g)].map((match) => match.index)
  const splits = colons
    .map((at) => ({ socket: text.slice(0, at), pane: text.slice(at + 1) }))
    .filter(({ socket, pane }) => socket !== '' && pane !== '')
  const [first] = splits
  if (first === undefined)
    throw new IapeerError(`invalid pane ${JSON.stringify(text)}: expected a socket and a pane`, {
      code: 'invalid-pane',
      hint: FORM,
    })
  for (const { socket, pane } of splits) {
    const socketPath = socketPathOf(socket, env)
    if (await isSocket(socketPath)) return { socketPath, pane: paneName(pane) }
  }
  throw new IapeerError(`no such tmux socket: ${socketPathOf(first.socket, env)}`, {
    code: 'no-such-socket',
    hint: "To name a pane, run in that tmux: tmux display-message -p '#{socket_path}:#{pane_id}'",
  })
}
