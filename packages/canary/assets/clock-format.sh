# shellcheck shell=sh disable=SC2034
# Clock: writes a time as text. Sourced; starts no process.

# clock_format -> ISO: NOW_S and NOW_MS as UTC (days to date: proleptic Gregorian, eras of 400 years that begin in March)
clock_format() {
  clock_format_days=$((NOW_S / 86400 + 719468)) clock_format_left=$((NOW_S % 86400))
  clock_format_era=$((clock_format_days / 146097)) clock_format_day=$((clock_format_days % 146097))
  clock_format_year=$(((clock_format_day - clock_format_day / 1460 + clock_format_day / 36524 - clock_format_day / 146096) / 365))
  clock_format_day=$((clock_format_day - (365 * clock_format_year + clock_format_year / 4 - clock_format_year / 100)))
  clock_format_month=$(((5 * clock_format_day + 2) / 153))
  clock_format_number=$((clock_format_month < 10 ? clock_format_month + 3 : clock_format_month - 9))
  ISO=$((clock_format_year + clock_format_era * 400 + (clock_format_number <= 2)))
  clock_format_part - "$clock_format_number"
  clock_format_part - $((clock_format_day - (153 * clock_format_month + 2) / 5 + 1))
  clock_format_part T $((clock_format_left / 3600))
  clock_format_part : $((clock_format_left % 3600 / 60))
  clock_format_part : $((clock_format_left % 60))
  ISO=$ISO${NOW_MS:+.$NOW_MS}Z
}

clock_format_part() { if [ "$2" -lt 10 ]; then ISO=$ISO${1}0$2; else ISO=$ISO$1$2; fi; }

# clock_format_present -> ISO, PRESENT_MS: the present time as UTC, and as NOW would be; leaves NOW as it is
clock_format_present() {
  clock_format_present_kept=$NOW
  clock_read
  clock_format
  PRESENT_MS=$NOW NOW=$clock_format_present_kept
  clock_split "$NOW"
}
