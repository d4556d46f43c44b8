/** What a master that forms a cluster must not forget. Stored on disk: never renamed. */
import { z } from "zod";
import { formingProposalSchema, type FormingProposal } from "@stele/shared/wire/master-calls.ts";

export interface FormingDocument {
  /** The urls of all first masters, sorted, as the operator gave them. */
  readonly masters: readonly string[];
  /** Accepted: no other one will ever be. */
  readonly proposal: FormingProposal | null;
  /** Every member has accepted it. */
  readonly committed: boolean;
}

export const formingDocument: z.ZodType<FormingDocument> = z.strictObject({
  masters: z.array(z.string()),
  proposal: formingProposalSchema.nullable(),
  committed: z.boolean(),
});

/** Where it is kept; `write` resolves when the document is durable. */
export interface FormingFile {
  read(): Promise<FormingDocument | null>;
  write(document: FormingDocument): Promise<void>;
}
