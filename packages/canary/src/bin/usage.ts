export const USAGE = `Usage: iapeer-canary <command> [options]

Learn why a tmux server died. The watch changes nothing on the server.

Commands
  watch [socket]             watch a running server ($TMUX, else tmux's default socket)
  unwatch [identity|socket]  end the watch; a later end of that server is not recorded
  status                     the servers that are watched
  deaths                     what died, oldest first

Options
  --identity <name>    name in the records, <kind>-<name> (default: tmux-<socket name>)
  --record-dir <dir>   where records are kept (default: $IAPEER_CANARY_DIR, else
                       $XDG_STATE_HOME/iapeer-canary, else ~/.local/state/iapeer-canary)
  --help, --version

Exit codes: 0 ok, 1 failed, 2 usage
Example: iapeer-canary watch && iapeer-canary status
`

/** The person's words were off; the answer is the usage text and exit code 2. */
export class UsageError extends Error {}
