# shellcheck shell=sh disable=SC2034,SC3006
# Logfmt: prints with built-ins alone. Sourced.

# out TEXT -> OUT_FAILED=1 if it cannot be written: prints one line. In mksh `printf` is not a built-in and would start a process.
case ${KSH_VERSION:-} in
  *MIRBSD*) out() { print -r -- "$1" || logfmt_note_failure; } ;;
  *) out() { printf '%s\n' "$1" || logfmt_note_failure; } ;;
esac

# logfmt_note_failure: a disk that was full when one line was written can have space for the next one, so the end of a file does not show
# that it is whole
logfmt_note_failure() {
  OUT_FAILED=1
  return 1
}
