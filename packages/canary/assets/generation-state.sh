# shellcheck shell=sh disable=SC2034
# Generation state: reads the state file of a guard, for programs that tmux starts with its path alone. Sourced.

# generation_read_state FILE -> the inputs of generation.sh, SOCKET TMUX_BIN PATH
generation_read_state() {
  IAPEER_CLOCK=
  while IFS='=' read -r generation_read_state_key generation_read_state_value; do
    case $generation_read_state_key in
      server) IAPEER_SERVER=$generation_read_state_value ;;
      socket) SOCKET=$generation_read_state_value ;;
      tmux) TMUX_BIN=$generation_read_state_value ;;
      lib) IAPEER_LIB=$generation_read_state_value ;;
      record_dir) IAPEER_RECORD_DIR=$generation_read_state_value ;;
      boot) IAPEER_BOOT=$generation_read_state_value ;;
      path) PATH=$generation_read_state_value ;;
      clock) IAPEER_CLOCK=$generation_read_state_value ;;
    esac
  done <"$1"
  generation_read_state_base=${1##*/}
  IAPEER_GEN=${generation_read_state_base##*-} IAPEER_IDENTITY=${generation_read_state_base%-*} IAPEER_STATE_DIR=${1%/canary/*}
  if [ -r /proc/self/stat ]; then IAPEER_PLATFORM=linux; else IAPEER_PLATFORM=darwin; fi
}
