export const REGIONS = ["eu-west", "us-east", "ap-south"] as const;
export type Region = (typeof REGIONS)[number];

export const TIERS = ["free", "plus", "business"] as const;
export type Tier = (typeof TIERS)[number];

export function isRegion(text: string): text is Region {
  return (REGIONS as readonly string[]).includes(text);
}

export function isTier(text: string): text is Tier {
  return (TIERS as readonly string[]).includes(text);
}

/** `ap-south` → `ap_south`, as tables and indexes are named. */
export function regionSuffix(region: Region): string {
  return region.replaceAll("-", "_");
}
