# shellcheck shell=sh disable=SC2153
# Evidence of macOS: vm_stat, sysctl and crash reports. Sourced by evidence.sh.

# evidence_write_reports NAME DIRECTORY: crash reports since arming, each with its first line, which names the process (.ips)
evidence_write_reports() {
  [ -d "$2" ] || { evidence_write_missing "$1" "no such directory: $2"; return 0; }
  out "--- $1"
  find "$2" -type f \( -name '*.ips' -o -name '*.crash' \) -newer "$BASELINE" 2>/dev/null | sed 20q | while read -r evidence_write_reports_path; do
    evidence_write_reports_line=
    { read -r evidence_write_reports_line <"$evidence_write_reports_path"; } 2>/dev/null
    out "${evidence_write_reports_path##*/} $evidence_write_reports_line"
  done | evidence_escape
}

evidence_write_host_rest_darwin() {
  evidence_write_command vm_stat vm_stat
  evidence_write_command swapusage sysctl vm.swapusage
  evidence_write_command loadavg sysctl vm.loadavg
}

evidence_write_rest_darwin() {
  evidence_write_reports diagnosticreports-user "$HOME/Library/Logs/DiagnosticReports"
  evidence_write_reports diagnosticreports-system "${SYSTEM_REPORTS:-/Library/Logs/DiagnosticReports}"
}
