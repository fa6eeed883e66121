export const USAGE = `Usage: iapeer-canary <command> [options]

Record why a tmux server died. A watch changes nothing on the server.

Commands
  watch [socket]             watch a running server (default: $TMUX, else tmux's default socket)
  unwatch [identity|socket]  stop watching a server; its later exit is not recorded
  status                     list watched servers
  deaths                     list recorded deaths, oldest first

Options
  --identity <name>    name in the records, <kind>-<name> (default: tmux-<socket name>)
  --record-dir <dir>   directory of the records (default: $IAPEER_CANARY_DIR, else
                       $XDG_STATE_HOME/iapeer-canary, else ~/.local/state/iapeer-canary)
  -h, --help           print this text
  --version            print the version

Exit codes: 0 ok, 1 failed, 2 usage
Example: iapeer-canary watch && iapeer-canary status
`

/** A mistake on the command line: main prints the usage and exits with 2. */
export class UsageError extends Error {}
