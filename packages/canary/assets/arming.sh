# shellcheck shell=sh disable=SC1091,SC2034,SC2153,SC3045
# Arming: what a recorder does once, before it watches. Sourced in a subshell, so that its memory is returned; the recorder
# itself opens the files that must stay open.
#
# Outputs  the lease; $FACTS and $LEADER_FACTS, files whose blocks are allocated in advance; $NAP_PIPE, if the shell can
#          wait on it without a process; $CLOCK_FILE, which all recorders of a directory share

. "$IAPEER_LIB/process-check.sh"
. "$IAPEER_LIB/lease.sh"
. "$IAPEER_LIB/generation-write.sh"

# At least as long as any facts. The first line is empty, because some shells read a line with one system call a character.
FACTS_BLANK='
                                                                                                                        '

# arming_find_missing -> MISSING: the first missing tool of a recorder; 1 if none is missing
arming_find_missing() {
  for MISSING in date ln mv rm sed sleep readlink cat; do
    command -v "$MISSING" >/dev/null 2>&1 || return 0
  done
  return 1
}

# arming_make_pipe: only for shells with fractions in `read -t`, which dash and bash 3 lack
arming_make_pipe() {
  case ${BASH_VERSION:-} in [123].*) return 0 ;; esac
  { read -r -t 0.01 arming_make_pipe_line </dev/null; } 2>/dev/null
  [ $? -ne 1 ] || mkfifo -m 600 "$NAP_PIPE" 2>/dev/null
}

# arming_prepare: 0 armed; TAKEN another recorder holds the lease; UNWRITABLE; NO_TOOL, reported on standard output
arming_prepare() {
  if arming_find_missing; then
    out "failed cannot find $MISSING in $PATH (set IAPEER_SCRIPT_PATH)"
    return "$NO_TOOL"
  fi
  lease_take "$STATE.lease" || return $?
  { [ -e "$LEADER_FACTS" ] || out "$FACTS_BLANK" >"$LEADER_FACTS"; } 2>/dev/null
  { out "$FACTS_BLANK" >"$FACTS"; } 2>/dev/null
  { [ -e "$CLOCK_FILE" ] || out "$FACTS_BLANK" >"$CLOCK_FILE"; } 2>/dev/null
  arming_make_pipe
  return 0
}
