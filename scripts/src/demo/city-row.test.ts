import { expect, test } from "vitest";
import { cityRow } from "./city-row.ts";

test("a city becomes a row under country, name and id, its population a number", () => {
  const row = cityRow({
    cityId: 2950159,
    name: "Berlin",
    country: "DE",
    featureCode: "PPLC",
    adminCode: "16",
    population: 3426354,
    loc: { coordinates: [13.41053, 52.52437] },
  });
  expect(JSON.parse(row)).toEqual({
    key: "DE:Berlin:2950159",
    columns: {
      "place:name": "Berlin",
      "place:country": "DE",
      "place:admin": "16",
      "place:lat": "52.52437",
      "place:lon": "13.41053",
      "place:feature": "PPLC",
      "population:count": { int64: "3426354" },
    },
  });
});
