/** Tablets as JSON text: the view as it is, with its keys spelled as bytes. */
import type { TabletView } from "@stele/shared/wire/admin-views.ts";
import { renderBytes } from "./bytes-json.ts";

export function renderTablet(tablet: TabletView): string {
  const { start, end, ...others } = tablet;
  const text = JSON.stringify(others);
  return `{"start":${renderBound(start)},"end":${renderBound(end)},${text.slice(1)}`;
}

function renderBound(bound: Buffer | null): string {
  return bound === null ? "null" : renderBytes(bound);
}
