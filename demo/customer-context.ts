import { context, propagation, trace } from "@opentelemetry/api";
import { REGIONS, type Region, TIERS, type Tier } from "./regions.ts";

/** For whom a request runs. Travels as W3C baggage, so every service knows without being told again. */
export interface CustomerContext {
  readonly region: Region;
  readonly tier: Tier;
  readonly session: string;
}

/** Runs `work` for a customer: its baggage goes out with every call, the active span is marked. */
export function asCustomer<Result>(customer: CustomerContext, work: () => Result): Result {
  const entries = {
    "customer.region": { value: customer.region },
    "customer.tier": { value: customer.tier },
    "session.id": { value: customer.session },
  };
  for (const [key, { value }] of Object.entries(entries)) trace.getActiveSpan()?.setAttribute(key, value);
  return context.with(propagation.setBaggage(context.active(), propagation.createBaggage(entries)), work);
}

/** The customer of the active request, from its baggage. */
export function currentCustomer(): CustomerContext {
  const baggage = propagation.getActiveBaggage();
  const value = (key: string): string | undefined => baggage?.getEntry(key)?.value;
  return {
    region: REGIONS.find((region) => region === value("customer.region")) ?? REGIONS[0],
    tier: TIERS.find((tier) => tier === value("customer.tier")) ?? TIERS[0],
    session: value("session.id") ?? "none",
  };
}
