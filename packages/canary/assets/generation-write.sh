# shellcheck shell=sh disable=SC2034,SC2153
# Generation: writes the state file of a recorder. Sourced.

# generation_out_setup: prints the settings of a recorder, as the state file and the baseline hold them
generation_out_setup() {
  out "lib=$LIB"
  out "record_dir=$RECORD_DIR"
  out "tmux=$TMUX_BIN"
  out "path=$PATH"
  out "clock=$CLOCK"
  out format=2
}

# generation_write_state: replaces the state file. A watch has a SOCKET_ID and a CLIENT.
generation_write_state() {
  {
    {
      out "mode=$MODE"
      out "recorder=$SELF"
      out "server=$SERVER"
      out "socket=$SOCKET"
      out "socket_id=${SOCKET_ID:--}"
      out "boot=$ARMED_BOOT"
      out "baseline=$BASELINE"
      [ "$MODE" = guard ] || out "client=${CLIENT:+$CLIENT:$P_TOKEN}"
      generation_out_setup
    } >"$STATE.$$.part" && mv -f "$STATE.$$.part" "$STATE"
  } 2>/dev/null
}
