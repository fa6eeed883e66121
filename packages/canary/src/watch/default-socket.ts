import { basename, join } from 'node:path'

/**
 * Returns the socket of the tmux that the process runs in (`$TMUX`), else tmux's default:
 * `<TMUX_TMPDIR or /tmp>/tmux-<uid>/default`.
 */
export function defaultSocketPath(env: NodeJS.ProcessEnv = process.env): string {
  const inside = env['TMUX']?.split(',')[0]
  if (inside !== undefined && inside !== '') return inside
  const uid = process.getuid?.() ?? 0
  return join(env['TMUX_TMPDIR'] || '/tmp', `tmux-${uid}`, 'default')
}

/** Returns a default identity: `tmux-<socket name>`, with the socket name adapted to the rules for personalities. */
export function identityForSocket(socketPath: string): string {
  const slug = basename(socketPath)
    .toLowerCase()
    .replace(/\.sock$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/-+$/, '')
  return `tmux-${slug === '' ? 'server' : slug}`
}
