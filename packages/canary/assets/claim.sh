# shellcheck shell=sh disable=SC2034
# Claim: which recorder writes the record of a generation. Sourced; taking one starts no process.
#
# A claim is a file made by noclobber (one winner, whatever the shells) whose first line holds the facts:
#   rc=<status>,ev=server|session,rec=<pid>:<token>,ts=<epoch ms>[,m=g]
# and whose second line, where systemd runs the host, what systemd said of it (see evidence.sh): c=hs | c=ss | c=no.
# An empty claim was taken by a recorder that could not write (a full disk) or was killed over it: the facts are in the
# file that was prepared for them, or unknown, and the claim's mtime is the time of death. Recorders before 0.2 made
# symbolic links whose text is the first line; a noclobber file cannot be made over one, not even over a dangling one.

# claim_make PATH TEXT: 0 made, 1 it is there already, 2 it cannot be made now. A text that cannot be written leaves it empty.
claim_make() {
  set -C
  { command exec 3>"$1"; } 2>/dev/null
  claim_code=$?
  set +C
  if [ $claim_code -ne 0 ]; then
    if [ -e "$1" ] || [ -h "$1" ]; then return 1; fi
    return 2
  fi
  { out "$2" >&3; } 2>/dev/null
  exec 3>&-
}

# claim_take TEXT: 0 this death is ours to record, 1 another recorder has claimed it, 2 it cannot be claimed now
claim_take() {
  [ -d "$DEATHS" ] || command eval 'mkdir -p "$DEATHS"' 2>/dev/null
  claim_make "$CLAIM" "$1"
}

# claim_fill TEXT: writes the facts into an empty claim, which is ours, when there is room again
claim_fill() { [ -s "$CLAIM" ] || { out "$1" >"$CLAIM"; } 2>/dev/null; }

claim_is_there() { [ -e "$CLAIM" ] || [ -h "$CLAIM" ]; }

# claim_read -> CLAIM_TEXT, its lines joined by commas; empty where there is none, and of an empty one
claim_read() {
  CLAIM_TEXT=
  if [ -h "$CLAIM" ]; then
    CLAIM_TEXT=$(readlink "$CLAIM")
  elif [ -e "$CLAIM" ]; then
    { while read -r claim_line; do CLAIM_TEXT=$CLAIM_TEXT${CLAIM_TEXT:+,}$claim_line; done <"$CLAIM"; } 2>/dev/null
  fi
}

# claim_field NAME TEXT -> FIELD: the value of one of its fields, empty where there is none
claim_field() {
  FIELD=,$2,
  case $FIELD in
    *",$1="*)
      FIELD=${FIELD#*",$1="}
      FIELD=${FIELD%%,*}
      ;;
    *) FIELD= ;;
  esac
}

# claim_server EVENT: several names can watch one server, and its end is one death. 0 this generation records it, 1 the
# generation OWNER has. A session's end counts for that of its server when that follows within half a minute.
claim_server() {
  [ -n "$SERVER_MARK" ] || return 0
  [ -d "$DEATHS" ] || command eval 'mkdir -p "$DEATHS"' 2>/dev/null
  if claim_make "$SERVER_MARK" "$KEY $1 $NOW_S"; then
    # A full disk leaves it empty; the prepared file has room for a second line.
    [ -s "$SERVER_MARK" ] || facts_write "owns=$SERVER"
    return 0
  fi
  OWNER='' owner_event='' owner_at='' owner_looks=200
  while [ -e "$SERVER_MARK" ] && [ $owner_looks -gt 0 ]; do
    { read -r OWNER owner_event owner_at <"$SERVER_MARK"; } 2>/dev/null
    # One that is just being made is still empty.
    [ -z "$OWNER" ] || break
    owner_looks=$((owner_looks - 1))
  done
  owner_looks=10
  while [ -z "$OWNER" ] && [ -e "$SERVER_MARK" ] && [ $owner_looks -gt 0 ]; do
    claim_owner
    [ -n "$OWNER" ] || clock_nap 0.05
    owner_looks=$((owner_looks - 1))
  done
  case $OWNER in '' | "$KEY") return 0 ;; esac
  case $owner_event:$owner_at in
    session:*[!0-9]* | session:) return 1 ;;
    session:*) [ $((NOW_S - owner_at)) -le 30 ] ;;
    *) return 1 ;;
  esac && return 1
  return 0
}

# claim_owner -> OWNER: the generation that has made a mark of this server which is empty, from what is prepared for it;
# empty where none says so
claim_owner() {
  set +f
  for owner_file in "$STATE_DIR/canary/"*.facts; do
    owner_line=
    { read -r owner_rest && read -r owner_line; } 2>/dev/null <"$owner_file"
    [ "$owner_line" = "owns=$SERVER" ] || continue
    OWNER=${owner_file##*/}
    OWNER=${OWNER%.facts}
    break
  done
  set -f
}

# claim_server_fill: writes into an empty mark of this server, which is ours, when there is room again
claim_server_fill() {
  if [ -z "$SERVER_MARK" ] || [ -s "$SERVER_MARK" ]; then return 0; fi
  { out "$KEY server $NOW_S" >"$SERVER_MARK"; } 2>/dev/null
}
