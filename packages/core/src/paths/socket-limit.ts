/** The longest path a unix socket can have, in bytes: sun_path less its NUL (108 on Linux, unix(7); 104 on macOS). */
export const SOCKET_PATH_LIMIT = process.platform === 'darwin' ? 103 : 107
