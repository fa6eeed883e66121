/** The longest path of a unix socket, in bytes: the size of sun_path (108 on Linux, unix(7); 104 on macOS) less its NUL. */
export const SOCKET_PATH_LIMIT = process.platform === 'darwin' ? 103 : 107
