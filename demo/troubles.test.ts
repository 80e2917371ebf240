import { describe, expect, it } from "vitest";
import { SERVICES } from "./directory.ts";
import { TROUBLES } from "./troubles.ts";

describe("troubles", () => {
  it("have five different names", () => {
    expect(new Set(TROUBLES.map(({ name }) => name)).size).toBe(5);
  });

  it.each(TROUBLES.flatMap((trouble) => trouble.subjects.map((subject) => ({ trouble, subject }))))(
    "$trouble.name of $subject says whom it hits and where it shows",
    ({ trouble, subject }) => {
      const answer = trouble.answer(subject);
      expect(answer.value).toBe(subject);
      expect(trouble.affected(subject)).toContain(`${answer.attribute} = ${answer.value}`);
      expect(trouble.explain(subject)).toContain(subject);
      expect(SERVICES).toContain(answer.service);
      expect(SERVICES).toContain(answer.log.service);
      expect(SERVICES).toContain(trouble.target(subject).service);
    },
  );

  it("hit a part of the traffic, never all of it", () => {
    for (const trouble of TROUBLES)
      for (const subject of trouble.subjects)
        expect(["customer.region", "customer.tier", "service.version"]).toContain(trouble.answer(subject).attribute);
  });
});
