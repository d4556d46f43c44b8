/** What the log's directory asks of its worker thread, and what comes back. */
export type DirectoryOperation =
  | { readonly kind: "list" }
  | { readonly kind: "read-file"; readonly name: string }
  | {
      readonly kind: "read-at";
      readonly name: string;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: "create"; readonly name: string; readonly bytes: Uint8Array }
  | {
      readonly kind: "write";
      readonly name: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly sync: "datasync" | "none";
    }
  | { readonly kind: "truncate"; readonly name: string; readonly length: number }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "close" };

export interface DirectoryCall {
  readonly id: number;
  readonly operation: DirectoryOperation;
}

export type DirectoryReply =
  | { readonly id: number; readonly kind: "done"; readonly value: DirectoryValue }
  | {
      readonly id: number;
      readonly kind: "failed";
      readonly message: string;
      readonly code: string;
    };

export type DirectoryValue = null | string[] | Uint8Array;
