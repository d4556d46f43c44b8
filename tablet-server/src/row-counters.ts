/** What a tablet server did for its callers since it started: plain numbers, which only grow. */
export interface RowCounters {
  /** Calls, of each kind. */
  readCalls: number;
  writeCalls: number;
  scanCalls: number;
  /** Rows given by reads and scans, counted ones included. */
  rowsRead: number;
  /** Single writes taken, repeated ones included. */
  rowsWritten: number;
  /** Of calls and of answers with outcomes or rows. */
  bytesIn: number;
  bytesOut: number;
  /** Calls refused because too much waits. */
  throttled: number;
  /** Calls told to go elsewhere. */
  redirected: number;
  /** Calls that failed as a whole for another reason. */
  failed: number;
}

export function newRowCounters(): RowCounters {
  return {
    readCalls: 0,
    writeCalls: 0,
    scanCalls: 0,
    rowsRead: 0,
    rowsWritten: 0,
    bytesIn: 0,
    bytesOut: 0,
    throttled: 0,
    redirected: 0,
    failed: 0,
  };
}
