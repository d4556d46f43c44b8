/** The operator's names of servers, what may follow `--name`: each also a DNS label and a file name. */
export const SERVER_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
