# shellcheck shell=sh disable=SC1091,SC2034,SC2153,SC3045
# Arming: what a recorder does once, before it watches. Sourced by recorders in a subshell, which gives its memory back;
# what has to stay open is opened by them.
#
# Outputs  the lease; $FACTS and $LEADER_FACTS, files whose blocks are there before they are needed; $NAP_PIPE, where the
#          shell can wait for it without a process

. "$IAPEER_LIB/lease.sh"

# As long as any facts.
FACTS_BLANK='                                                                                                                        '

# arming_find_missing -> MISSING: the first tool of a recorder that is not there; 1 when all are
arming_find_missing() {
  for MISSING in date ln mv rm sed sleep readlink cat; do
    command -v "$MISSING" >/dev/null 2>&1 || return 0
  done
  return 1
}

# arming_make_pipe: dash has no `read -t`, and bash 3 no fractions in it
arming_make_pipe() {
  case ${BASH_VERSION:-} in [123].*) return 0 ;; esac
  { read -r -t 0.01 arming_make_pipe_line </dev/null; } 2>/dev/null
  [ $? -ne 1 ] || mkfifo -m 600 "$NAP_PIPE" 2>/dev/null
}

# arming_prepare: 0 armed; TAKEN another recorder holds the lease; UNWRITABLE; NO_TOOL, which is said on standard output
arming_prepare() {
  if arming_find_missing; then
    out "failed there is no $MISSING in $PATH (set IAPEER_SCRIPT_PATH)"
    return "$NO_TOOL"
  fi
  lease_take "$STATE.lease" || return $?
  { [ -e "$LEADER_FACTS" ] || out "$FACTS_BLANK" >"$LEADER_FACTS"; } 2>/dev/null
  { out "$FACTS_BLANK" >"$FACTS"; } 2>/dev/null
  arming_make_pipe
  return 0
}
