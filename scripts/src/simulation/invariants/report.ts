/** How an invariant tells that it does not hold: with what a person needs to find out why. */
export type Report = (detail: string) => void;
