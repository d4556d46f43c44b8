// A third of the cities of the world among kills; all of them in the long tests, and without kills in the README's.
import { testCitiesAmongKills } from "./cities-among-kills.ts";

testCitiesAmongKills({ every: 3 });
