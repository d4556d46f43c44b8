/**
 * The log of a real process: one JSON object a line on standard error, by pino. Errors among the fields
 * are written with type, message, stack and cause. Lines are written at once, so that none is missing
 * when the process ends for a reason of its own.
 */
import { destination, pino, stdSerializers } from "pino";
import type { DestinationStream, Logger } from "pino";
import type { Log, LogFields, LogLevel } from "./log.ts";

export interface PinoLogOptions {
  readonly level: LogLevel;
  /** On every line: role, name, server id. */
  readonly fields: LogFields;
  /** Default: standard error. */
  readonly stream?: DestinationStream | undefined;
}

export function pinoLog({ level, fields, stream }: PinoLogOptions): Log {
  const errors = { error: stdSerializers.errWithCause, cause: stdSerializers.errWithCause };
  const options = { level, base: { ...fields, pid: process.pid }, serializers: errors };
  return over(pino(options, stream ?? destination({ fd: 2, sync: true })));
}

function over(logger: Logger): Log {
  return {
    error: (fields, message) => logger.error(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    info: (fields, message) => logger.info(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    with: (fields) => over(logger.child(fields)),
  };
}
