# shellcheck shell=sh disable=SC2034
# Claim: which recorder writes the record of a generation. Sourced; taking one starts no process.
#
# A claim is a file created with noclobber, so that one recorder wins in any shell. Its first line holds the facts:
#   rc=<status>,ev=server|session,rec=<pid>:<token>,ts=<epoch ms>[,m=g]
# On a host run by systemd a second line holds the answer of systemd (see evidence.sh): c=hs | c=ss | c=no.
# A claim is empty if its recorder could not write (a full disk) or was killed before it wrote. The facts are then in the
# prepared file, or unknown, and the claim's mtime is the time of death. Recorders of format 1 made symbolic links whose text
# is the first line; noclobber does not replace one, not even a dangling one.

# claim_parse TEXT -> CLAIM_RC CLAIM_EVENT CLAIM_RECORDER CLAIM_TIME CLAIM_MODE (g, or empty) CLAIM_SYSTEM; empty if missing
claim_parse() {
  CLAIM_RC='' CLAIM_EVENT='' CLAIM_RECORDER='' CLAIM_TIME='' CLAIM_MODE='' CLAIM_SYSTEM=''
  claim_parse_rest=$1,
  while [ -n "$claim_parse_rest" ]; do
    claim_parse_field=${claim_parse_rest%%,*}
    claim_parse_rest=${claim_parse_rest#*,}
    case $claim_parse_field in
      rc=*) CLAIM_RC=${claim_parse_field#*=} ;;
      ev=*) CLAIM_EVENT=${claim_parse_field#*=} ;;
      rec=*) CLAIM_RECORDER=${claim_parse_field#*=} ;;
      ts=*) CLAIM_TIME=${claim_parse_field#*=} ;;
      m=*) CLAIM_MODE=${claim_parse_field#*=} ;;
      c=*) CLAIM_SYSTEM=${claim_parse_field#*=} ;;
    esac
  done
}

# claim_make PATH TEXT: 0 created; TAKEN it exists; UNWRITABLE. If the text cannot be written, the file stays empty.
claim_make() {
  set -C
  { command exec 3>"$1"; } 2>/dev/null
  claim_make_code=$?
  set +C
  if [ $claim_make_code -ne 0 ]; then
    if [ -e "$1" ] || [ -h "$1" ]; then return "$TAKEN"; fi
    return "$UNWRITABLE"
  fi
  { out "$2" >&3; } 2>/dev/null
  exec 3>&-
}

# claim_take TEXT: 0 this recorder records the death; TAKEN; UNWRITABLE
claim_take() {
  [ -d "$DEATHS" ] || command eval 'mkdir -p "$DEATHS"' 2>/dev/null
  claim_make "$CLAIM" "$1"
}

# claim_fill TEXT: writes the facts into our empty claim, once the disk has space again
claim_fill() { [ -s "$CLAIM" ] || { out "$1" >"$CLAIM"; } 2>/dev/null; }

claim_exists() { [ -e "$CLAIM" ] || [ -h "$CLAIM" ]; }

# claim_read -> CLAIM_TEXT: the lines of the claim joined by commas; empty if it is missing or empty
claim_read() {
  CLAIM_TEXT=
  if [ -h "$CLAIM" ]; then
    CLAIM_TEXT=$(readlink "$CLAIM")
  elif [ -e "$CLAIM" ]; then
    { while read -r claim_read_line; do CLAIM_TEXT=$CLAIM_TEXT${CLAIM_TEXT:+,}$claim_read_line; done <"$CLAIM"; } 2>/dev/null
  fi
}

# claim_write_owner: notes once, after the facts, that this generation made the server mark but could not write to it
claim_write_owner() {
  [ "$FACTS_OPEN" = written ] || return 0
  { out "owns=$SERVER" >&8; } 2>/dev/null
  FACTS_OPEN=owner
}

# claim_read_facts FILE -> FACTS_TEXT, empty if no facts were written
claim_read_facts() {
  FACTS_TEXT=
  { read -r FACTS_TEXT <"$1"; } 2>/dev/null
  case $FACTS_TEXT in rc=*) ;; *) FACTS_TEXT= ;; esac
}

# claim_take_server: a server can be watched under several identities, but has one death. 0 this generation records it;
# ELSEWHERE the generation OWNER does. A session's death also counts for its server, if that dies within half a minute.
claim_take_server() {
  [ -n "$SERVER_MARK" ] || return 0
  [ -d "$DEATHS" ] || command eval 'mkdir -p "$DEATHS"' 2>/dev/null
  if claim_make "$SERVER_MARK" "$KEY $EVENT $NOW_S"; then
    # On a full disk the mark is empty; the prepared file has space for a second line.
    [ -s "$SERVER_MARK" ] || claim_write_owner
    return 0
  fi
  OWNER='' claim_take_server_event='' claim_take_server_at='' claim_take_server_looks=200
  while [ -e "$SERVER_MARK" ] && [ $claim_take_server_looks -gt 0 ]; do
    { read -r OWNER claim_take_server_event claim_take_server_at <"$SERVER_MARK"; } 2>/dev/null
    # A mark is empty until its recorder has written to it.
    [ -z "$OWNER" ] || break
    claim_take_server_looks=$((claim_take_server_looks - 1))
  done
  claim_take_server_looks=10
  while [ -z "$OWNER" ] && [ -e "$SERVER_MARK" ] && [ $claim_take_server_looks -gt 0 ]; do
    claim_read_server_owner
    if [ -z "$OWNER" ]; then
      clock_nap 0.05
      # On a busy machine its recorder may have been stopped between making and writing it.
      { read -r OWNER claim_take_server_event claim_take_server_at <"$SERVER_MARK"; } 2>/dev/null
    fi
    claim_take_server_looks=$((claim_take_server_looks - 1))
  done
  case $OWNER in '' | "$KEY") return 0 ;; esac
  case $claim_take_server_event:$claim_take_server_at in
    session:*[!0-9]* | session:) return "$ELSEWHERE" ;;
    session:*) [ $((NOW_S - claim_take_server_at)) -gt 30 ] || return "$ELSEWHERE" ;;
    *) return "$ELSEWHERE" ;;
  esac
}

# claim_read_server_owner -> OWNER: the generation that made the empty mark of this server, from the prepared files; or empty
claim_read_server_owner() {
  set +f
  for claim_read_server_owner_file in "$STATE_DIR/canary/"*.facts; do
    claim_read_server_owner_line=
    { read -r claim_read_server_owner_rest && read -r claim_read_server_owner_line; } 2>/dev/null <"$claim_read_server_owner_file"
    [ "$claim_read_server_owner_line" = "owns=$SERVER" ] || continue
    OWNER=${claim_read_server_owner_file##*/}
    OWNER=${OWNER%.facts}
    break
  done
  set -f
}

# claim_fill_server: writes to our empty mark of this server, once the disk has space again
claim_fill_server() {
  if [ -z "$SERVER_MARK" ] || [ -s "$SERVER_MARK" ]; then return 0; fi
  { out "$KEY server $NOW_S" >"$SERVER_MARK"; } 2>/dev/null
}
