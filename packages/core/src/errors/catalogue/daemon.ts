import { entries } from './entry.ts'

/** The daemon, its API and its service. */
export const DAEMON_ERRORS = entries({
  'daemon-unreachable': {
    kind: 'unavailable',
    summary: 'The daemon does not answer, or this version cannot read its answer.',
    hint: 'See `iapeer daemon status`.',
  },
  'daemon-running': {
    kind: 'conflict',
    summary: 'Another daemon already serves this root.',
    hint: '`iapeer daemon stop` stops it.',
  },
  'daemon-not-up': {
    kind: 'failed',
    summary: 'The daemon did not start in time.',
    hint: 'See `iapeer daemon logs`.',
  },
  'daemon-stuck': {
    kind: 'failed',
    summary: 'The daemon does not stop, or runs on another host or in another container.',
    hint: 'The hint of the message says how to stop it.',
  },
  'port-taken': {
    kind: 'conflict',
    summary: 'The TCP port of the API cannot be used.',
    hint: 'Set IAPEER_PORT to another port, or unset it.',
  },
  'no-service-manager': {
    kind: 'failed',
    summary: 'No service manager of this user is available.',
    hint: '`iapeer daemon start` works without one.',
  },
  'service-manager-failed': {
    kind: 'failed',
    summary: 'The service manager refused a command.',
    hint: 'The message quotes it; `journalctl --user -u iapeerd.service` prints the log of the service.',
  },
  'service-not-ours': {
    kind: 'conflict',
    summary: 'The service file was not written by iapeer, or belongs to another root.',
    hint: 'Move the file away, or run `iapeer service uninstall` with the IAPEER_ROOT of the other root.',
  },
  'service-path-vanishes': {
    kind: 'unprocessable',
    summary:
      'A program or a directory that the service needs is on a path that does not last, such as one below /tmp.',
    hint: 'Move it to a permanent path.',
  },
  'invalid-request': {
    kind: 'usage',
    summary: 'The request is not valid HTTP, its body is not JSON, or a field of it is invalid.',
    hint: '`GET /openapi.json` describes every request.',
  },
  'not-found': {
    kind: 'not-found',
    summary: 'The API has no such path.',
    hint: '`GET /openapi.json` lists the paths.',
    exitCode: 1,
  },
  'method-not-allowed': {
    kind: 'usage',
    summary: 'The path does not accept this method.',
    hint: 'The header `allow` of the answer lists the accepted methods.',
    httpStatus: 405,
    exitCode: 1,
  },
  'request-timeout': {
    kind: 'usage',
    summary: 'The client did not send the whole request in time.',
    httpStatus: 408,
    exitCode: 1,
  },
  'body-too-large': {
    kind: 'usage',
    summary: 'The body of the request is too large.',
    httpStatus: 413,
  },
  'unsupported-media-type': {
    kind: 'usage',
    summary: 'The body of the request is not of the type application/json.',
    hint: 'Send the header `content-type: application/json`.',
    httpStatus: 415,
    exitCode: 1,
  },
  'headers-too-large': {
    kind: 'usage',
    summary: 'The headers of the request are too large.',
    httpStatus: 431,
    exitCode: 1,
  },
  unauthorized: {
    kind: 'denied',
    summary: 'The bearer token is missing or wrong.',
    hint: 'Send the header `authorization: Bearer <IAPEER_BEARER_TOKEN>`; the unix socket needs none.',
    httpStatus: 401,
  },
  'host-refused': {
    kind: 'denied',
    summary: 'The `host` header of the request does not name this host.',
    hint: 'Use 127.0.0.1 or localhost.',
  },
  'origin-refused': {
    kind: 'denied',
    summary: 'The request comes from a web page of another host.',
    hint: 'Send the request from a program or from a page of this host.',
  },
  'too-many-clients': {
    kind: 'unavailable',
    summary: 'The daemon already serves its maximum number of event streams.',
    hint: 'Close event streams that are not used, then try again.',
  },
  internal: {
    kind: 'internal',
    summary: 'The daemon failed unexpectedly.',
    hint: 'See `iapeer daemon logs`.',
  },
})
