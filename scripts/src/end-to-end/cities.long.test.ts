// All the cities of the world among kills.
import { testCitiesAmongKills } from "./cities-among-kills.ts";

testCitiesAmongKills({ every: 1 });
