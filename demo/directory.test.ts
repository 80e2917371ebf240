import { describe, expect, it } from "vitest";
import { chooseInstance, type Directory } from "./directory.ts";

const directory: Directory = {
  database: null,
  services: {
    cart: [
      { version: "2.3.1", port: 1 },
      { version: "2.4.0", port: 2 },
    ],
  },
};

describe("directory", () => {
  it("keeps a session with one version and shares sessions about equally", () => {
    const sessions = Array.from({ length: 2_000 }, (_, index) => `s-${index.toString(36)}`);
    const newer = sessions.filter((session) => chooseInstance(directory, "cart", session).port === 2);
    expect(newer.length / sessions.length).toBeGreaterThan(0.45);
    expect(newer.length / sessions.length).toBeLessThan(0.55);
    for (const session of newer.slice(0, 50)) expect(chooseInstance(directory, "cart", session).port).toBe(2);
  });

  it("says which service is missing", () => {
    expect(() => chooseInstance(directory, "payment", "s")).toThrow("no payment is running");
  });
});
