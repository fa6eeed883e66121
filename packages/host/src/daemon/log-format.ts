/** The options of pino-pretty for the daemon's log, in the foreground and in `iapeer daemon logs`. */
export const DAEMON_LOG_FORMAT = {
  translateTime: 'SYS:yyyy-mm-dd HH:MM:ss',
  ignore: 'pid',
  singleLine: true,
} as const
