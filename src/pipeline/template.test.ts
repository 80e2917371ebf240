import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bytes } from "./bytes.ts";
import { TEMPLATE_BUFFER_BYTES, TEMPLATE_LIMIT_BYTES, writeTemplate } from "./template.ts";

const target = new Bytes(new Uint8Array(TEMPLATE_BUFFER_BYTES));

function templateOf(body: string | Uint8Array): string {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  // In the middle of other bytes, which must not matter.
  const source = new Uint8Array(bytes.length + 20).fill(57);
  source.set(bytes, 7);
  return new TextDecoder("utf-8").decode(
    target.bytes.subarray(0, writeTemplate(new Bytes(source), 7, bytes.length, target)),
  );
}

const GOLDEN: Readonly<Record<string, readonly (readonly [line: string, template: string])[]>> = {
  nginx: [
    [
      '192.0.2.17 - - [10/Oct/2025:13:55:36 +0000] "GET /api/orders/4711?x=1 HTTP/1.1" 200 2326 "-" "Mozilla/5.0 (X11)"',
      '<*> - - [<*>] "<*>" <*> "<*>" "<*>"',
    ],
    [
      '2025/10/10 13:55:36 [error] 31#31: *1234 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: _, request: "GET / HTTP/1.1", upstream: "http://192.0.2.3:8080/"',
      '<*> [error] <*>#<*>: *<*> connect() failed (<*>: Connection refused) while connecting to upstream, client: <*>, server: _, request: "<*>", upstream: "<*>"',
    ],
  ],
  java: [
    [
      "java.lang.IllegalStateException: Connection pool exhausted after 30000ms\n\tat com.example.Pool.take(Pool.java:42)\n\tat com.example.Main.main(Main.java:7)",
      "java.lang.IllegalStateException: Connection pool exhausted after <*>",
    ],
    [
      'Exception in thread "main" java.lang.NullPointerException: name is null\n\tat Main.main(Main.java:3)',
      'Exception in thread "<*>" java.lang.NullPointerException: name is null',
    ],
    [
      "2025-10-10 13:55:36.123  INFO 1 --- [nio-8080-exec-3] c.e.shop.OrderController   : Order 8f14e45f-ceea-467f-9d6b-1c0e6a1b2c3d created for customer 17",
      "<*>  INFO <*> --- [<*>] c.e.shop.OrderController   : Order <*> created for customer <*>",
    ],
  ],
  logfmt: [
    [
      'level=info ts=2025-10-10T13:55:36.123Z caller=main.go:42 msg="request done" method=GET path=/api/v1/users/17 status=200 duration=12.5ms user="Jane Doe"',
      'level=info ts=<*> caller=main.go:<*> msg="request done" method=GET path=/api/<*>/users/<*> status=<*> duration=<*> user="<*>"',
    ],
    ['a="x y" msg="hello 5 \\"w\\" z" d="q"', 'a="<*>" msg="hello <*> \\"w\\" z" d="<*>"'],
  ],
  kubernetes: [
    [
      'I1010 13:55:36.123456       1 controller.go:231] Successfully synced "default/web-7d4b9c6f5-x2x9z"',
      '<*> controller.go:<*>] Successfully synced "<*>"',
    ],
    [
      "E1010 13:55:36.123456 7 reflector.go:138] informers/factory.go:134: Failed to watch *v1.Node: the server has asked for the client to provide credentials",
      "<*> reflector.go:<*>] informers/factory.go:<*>: Failed to watch *<*>: the server has asked for the client to provide credentials",
    ],
    [
      "Oct 10 13:55:36 web-01 sshd[4242]: Failed password for invalid user admin from 203.0.113.7 port 51234 ssh2",
      "<*> sshd[<*>]: Failed password for invalid user admin from <*> port <*>",
    ],
  ],
  postgres: [
    [
      "2025-10-10 13:55:36.123 UTC [4242] LOG:  duration: 1234.567 ms  statement: SELECT * FROM orders WHERE id = 42 AND name = 'Bob'",
      "<*> UTC [<*>] LOG:  duration: <*> ms  statement: SELECT * FROM orders WHERE id = <*> AND name = '<*>'",
    ],
    [
      'ERROR:  duplicate key value violates unique constraint "users_email_key"\nDETAIL:  Key (email)=(a@example.com) already exists.',
      'ERROR:  duplicate key value violates unique constraint "<*>"',
    ],
  ],
  json: [
    [
      '{"level":"info","time":"2025-10-10T13:55:36Z","msg":"took 12 ms for user \\"bob\\"","id":7}',
      'took <*> ms for user "<*>"',
    ],
    ['{"event":"x","message":"Order created","order":{"id":1,"msg":"no"}}', "Order created"],
    ['{"msg":"first line 1\\nline 2"}', "first line <*>"],
    ['{"b":1,"a":{"c":2},"z":[1,2,{"y":"}"}]}', "{a,b,z}"],
    ['{"user_17":1,"user_18":2,"total":3}', "{total,<*>}"],
    ['{"msg":{"text":"a"},"id":1}', "{id,msg}"],
    [" { } ", "{}"],
    ['{"a":1', '{"<*>":<*>'],
    ["{not json 12}", "{not json <*>}"],
  ],
  "other lines": [
    ["GET /users/17/orders/4/items?page=2", "GET /users/<*>/orders/<*>/items?page=<*>"],
    ["user alice@example.com logged in from fe80::1ff:fe23:4567:890a", "user <*> logged in from <*>"],
    [
      "commit deadbeefcafe pushed, facade added, DEADBEEF faced feedbackx",
      "commit <*> pushed, facade added, <*> faced feedbackx",
    ],
    ["size     1 of    12 MB", "size <*> of <*> MB"],
    ["a, b, 1, 2, 3, c [1, 2, 3] took -5 s, 50%", "a, b, <*>, c [<*>] took <*> s, <*>%"],
    ["can't open file '/var/log/app.log': No such file", "can't open file '<*>': No such file"],
    ['x "unclosed 1 2', 'x "unclosed <*>'],
    ['name "" is empty', 'name "<*>" is empty'],
    ["Fri, 10 Oct 2025 13:55:36 GMT started", "<*> GMT started"],
    ["May we start? Sun is up", "May we start? Sun is up"],
    ["\u001b[31mERROR\u001b[0m failed 3 times\r", "ERROR failed <*> times"],
    ["Größe 12 überschritten, 日本語 5", "Größe <*> überschritten, 日本語 <*>"],
    ["\n\n  hello\nworld", "hello"],
    ["", ""],
    ["  \t ", ""],
  ],
};

describe("templates of log lines", () => {
  for (const [group, lines] of Object.entries(GOLDEN)) {
    it(`${group}`, () => {
      expect(lines.map(([line]) => [line, templateOf(line)])).toEqual(lines);
    });
  }

  it("are cut at 256 bytes, between characters", () => {
    expect(templateOf("x".repeat(300))).toBe("x".repeat(TEMPLATE_LIMIT_BYTES));
    expect(templateOf(`a${"ü".repeat(200)}`)).toBe(`a${"ü".repeat(127)}`);
    expect(templateOf(`ab${"日".repeat(200)}`)).toBe(`ab${"日".repeat(84)}`);
    expect(templateOf(`abc${"🙂".repeat(200)}`)).toBe(`abc${"🙂".repeat(63)}`);
    expect(templateOf(`{"${"k".repeat(250)}":1,"${"l".repeat(250)}":1}`)).toBe(`{${"k".repeat(250)}}`);
  });

  it("stay within the limit, valid UTF-8 and the same wherever the body lies, for any bytes", () => {
    const spice = fc.constantFrom(
      '"',
      "'",
      "\\",
      "{",
      "}",
      ":",
      ",",
      '{"msg":"',
      "\n",
      "1",
      "<*>",
      "=",
      "\u001b[",
      "é",
      "@",
    );
    const body = fc.oneof(
      fc
        .array(fc.oneof(spice, fc.string({ unit: "grapheme", maxLength: 5 })), { maxLength: 200 })
        .map((all) => all.join("")),
      fc.json(),
    );
    fc.assert(
      fc.property(body, (line) => {
        const bytes = new TextEncoder().encode(line);
        const length = writeTemplate(new Bytes(bytes), 0, bytes.length, target);
        expect(length).toBeLessThanOrEqual(TEMPLATE_LIMIT_BYTES);
        const text = new TextDecoder("utf-8", { fatal: true }).decode(target.bytes.subarray(0, length));
        expect(templateOf(line)).toBe(text);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(writeTemplate(new Bytes(bytes), 0, bytes.length, target)).toBeLessThanOrEqual(TEMPLATE_LIMIT_BYTES);
      }),
      { numRuns: 1000 },
    );
  });

  it("take a number of steps in proportion to the body, however it is made", () => {
    // Reads are counted instead of timed: each byte may be looked at a few times, not once per other byte.
    for (const hostile of ['"', "'", " '", "{", '{"', "[", "\\", '\\"', 'msg="', "a@", '{"a":', ",", '{"msg":"\\']) {
      const bytes = new TextEncoder().encode(hostile.repeat(200_000 / hostile.length));
      let reads = 0;
      const counting = <T extends object>(object: T): T =>
        new Proxy(object, {
          get: (all, property) => {
            reads++;
            const found = Reflect.get(all, property, all);
            return typeof found === "function" ? found.bind(all) : found;
          },
        });
      const plain = new Bytes(bytes);
      writeTemplate({ bytes: counting(plain.bytes), view: counting(plain.view) }, 0, bytes.length, target);
      expect(reads).toBeLessThan(bytes.length * 8);
    }
  });
});
