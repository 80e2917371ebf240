import { createHash } from "node:crypto";
import { brotliDecompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { decompress } from "#wire/compression.ts";
import { storedZstd } from "./content-coding.ts";
import { closeAll, echo, runScript, serve } from "./http.suite.ts";
import { startHttpIteration, traceRequests } from "./http-run.ts";

afterEach(closeAll);

interface Echo {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly bodyHex: string;
}

describe("requests", () => {
  it("sends every method", async () => {
    const url = await serve(echo);
    const { value } = await runScript(
      `const seen = [];
       for (const name of ["get", "post", "put", "patch", "del", "options"]) seen.push(http[name](URL_).json("method"));
       seen.push(http.request("purge", URL_).json("method"));
       seen.push(http.head(URL_).status);
       return seen;`,
      url,
    );
    expect(value).toEqual(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", 200]);
  });

  it("sends headers in canonical form, and the user agent unless the script has one", async () => {
    const url = await serve((request, response) => response.end(JSON.stringify(request.rawHeaders)));
    const { value } = await runScript(
      `return [
         http.get(URL_).json(),
         http.get(URL_, { headers: { "x-my-thing": 5, "USER-AGENT": "mine", "content-length": "99" } }).json(),
         http.get(URL_, { headers: { Host: "other.test" } }).json(),
       ];`,
      url,
    );
    const host = new URL(url).host;
    expect(value).toEqual([
      ["Host", host, "User-Agent", "traceo-test"],
      ["Host", host, "X-My-Thing", "5", "User-Agent", "mine"],
      ["User-Agent", "traceo-test", "Host", "other.test"],
    ]);
  });

  it("encodes bodies: text, fields, files, buffers", async () => {
    const url = await serve(echo);
    const { value } = await runScript(
      `return [
         http.post(URL_, "plain ä").json(),
         http.post(URL_, { b: "2 3", a: ["1", "x&y"], "c!": true }).json(),
         http.post(URL_, new Uint8Array([1, 2, 255]).buffer).json(),
         http.post(URL_, new Uint8Array([9, 1, 2, 9]).subarray(1, 3)).json(),
         http.post(URL_, { kind: "png", data: http.file(new Uint8Array([137, 80]).buffer, "a.png", "image/png") }).json(),
         http.post(URL_, { a: 1 }, { headers: { "Content-Type": "application/x-custom" } }).json(),
         http.post(URL_, null).json(),
       ];`,
      url,
    );
    const [text, fields, buffer, view, multipart, custom, none] = value as Echo[];
    expect(text).toMatchObject({ body: "plain ä" });
    expect(text!.headers["content-type"]).toBeUndefined();
    expect(fields!.body).toBe("a=1&a=x%26y&b=2+3&c%21=true");
    expect(fields!.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(buffer!.bodyHex).toBe("0102ff");
    expect(view!.bodyHex).toBe("0102");
    const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(multipart!.headers["content-type"]!)![1]!;
    expect(Buffer.from(multipart!.bodyHex, "hex").toString("latin1")).toBe(
      [
        `--${boundary}`,
        'Content-Disposition: form-data; name="kind"',
        "",
        "png",
        `--${boundary}`,
        'Content-Disposition: form-data; name="data"; filename="a.png"',
        "Content-Type: image/png",
        "",
        "\x89P",
        `--${boundary}--`,
        "",
      ].join("\r\n"),
    );
    expect(custom!.headers["content-type"]).toBe("application/x-custom");
    expect(none!.headers["content-length"]).toBe("0");
  });

  it("packs bodies with each coding", async () => {
    const url = await serve(echo);
    const { value } = await runScript(
      `const body = "body ".repeat(100);
       const seen = [];
       for (const compression of ["gzip", "deflate", "br", "zstd", "gzip, br"]) seen.push(http.post(URL_, body, { compression }).json());
       return seen;`,
      url,
    );
    const [gzip, deflate, br, zstd, both] = (value as Echo[]).map(({ bodyHex }) => Buffer.from(bodyHex, "hex"));
    const body = "body ".repeat(100);
    expect(gunzipSync(gzip!).toString()).toBe(body);
    expect(deflate!.equals(deflateSync(body))).toBe(true);
    expect(brotliDecompressSync(br!).toString()).toBe(body);
    expect(Buffer.from(decompress(zstd!, "zstd", 10_000)).toString()).toBe(body);
    expect(gunzipSync(brotliDecompressSync(both!)).toString()).toBe(body);
    expect((value as Echo[]).map(({ headers }) => headers["content-encoding"])).toEqual([
      "gzip",
      "deflate",
      "br",
      "zstd",
      "gzip, br",
    ]);
  });

  it("writes zstd frames of many blocks", () => {
    const body = Buffer.alloc(300_000, "0123456789");
    expect(Buffer.from(decompress(storedZstd(body), "zstd", 400_000)).equals(body)).toBe(true);
    expect(decompress(storedZstd(Buffer.alloc(0)), "zstd", 10).length).toBe(0);
  });

  it("times out by a number or a duration, and throws where asked", async () => {
    const url = await serve(() => undefined);
    const { value, log, samples } = await runScript(
      `const response = http.get(URL_, { timeout: "30ms" });
       let thrown;
       try { http.get(URL_, { timeout: 30, throw: true }); } catch (error) { thrown = String(error); }
       return [response.status, response.error, response.error_code, response.body, thrown];`,
      url,
    );
    expect(value).toEqual([0, "request timeout", 1050, null, `Error: Get "${url}": request timeout`]);
    expect(log).toEqual([`warn: Request Failed error="Get \\"${url}\\": request timeout"`]);
    expect(samples.find(({ metric }) => metric === "http_reqs")!.tags).toMatchObject({
      status: "0",
      error: "request timeout",
      error_code: "1050",
      expected_response: "false",
    });
  });

  it("answers a URL that is none with 1020", async () => {
    const { value, log } = await runScript(
      `const made = [];
       for (const url of ["/path", "ftp://host/", "http://", ""]) { const { status, error_code, error } = http.get(url); made.push([status, error_code, error]); }
       return made;`,
    );
    expect(value).toEqual([
      [0, 1020, 'invalid URL: "/path" has no scheme; write https://…'],
      [0, 1020, 'invalid URL: unsupported protocol scheme "ftp"'],
      [0, 1020, 'invalid URL: cannot parse "http://"'],
      [0, 1020, 'invalid URL: "" has no scheme; write https://…'],
    ]);
    expect(log).toHaveLength(4);
  });

  it("refuses params that make no sense", async () => {
    const url = await serve(echo);
    const { value } = await runScript(
      `const messages = [];
       for (const params of ["text", { responseType: "json" }, { timeout: "soon" }, { auth: "kerberos" }, { jar: {} }, { tags: { a: {} } }, { compression: "lzma" }, { responseCallback: 5 }])
         try { http.post(URL_, "x", params); messages.push("none"); } catch (error) { messages.push(error.message); }
       return messages;`,
      url,
    );
    expect(value).toEqual([
      "params must be an object, not string",
      "json does not belong to ResponseType values, [text, binary, none]",
      'invalid timeout value "soon"',
      'unknown auth "kerberos": basic, digest or ntlm',
      "params.jar must be a CookieJar",
      'the tag "a" must be a string, number or boolean',
      "unknown compression algorithm lzma",
      "unsupported responseCallback: use http.expectedStatuses(…)",
    ]);
  });

  it("keeps to a rate, and to the batch's limits", async () => {
    let running = 0;
    let most = 0;
    const url = await serve((_request, response) => {
      most = Math.max(most, ++running);
      setImmediate(() => {
        running--;
        response.end("x");
      });
    });
    const { value } = await runScript(
      `const list = http.batch(Array.from({ length: 12 }, (_, i) => ["GET", URL_ + "/" + i]));
       const named = http.batch({ one: URL_, two: { method: "POST", url: URL_ + "/two", body: "b" }, three: http.url\`\${URL_}\` });
       return [list.map(({ url }) => url.split("/").at(-1)).join(), Object.keys(named), named.two.request.method, named.three.status];`,
      url,
      { batchPerHost: 3 },
    );
    expect(value).toEqual(["0,1,2,3,4,5,6,7,8,9,10,11", ["one", "two", "three"], "POST", 200]);
    expect(most).toBe(3);
  });

  it("answers asyncRequest with a promise of the script", async () => {
    const url = await serve(echo);
    const { value } = await runScript(
      `const [a, b] = await Promise.all([http.asyncRequest("GET", URL_ + "/a"), http.asyncRequest("POST", URL_ + "/b", "x")]);
       const failed = await http.asyncRequest("GET", "nowhere", null, { throw: true }).catch((error) => error.message);
       return [a.json("path"), b.json("method"), failed];`,
      url,
    );
    expect(value).toEqual(["/a", "POST", 'Get "nowhere": invalid URL: "nowhere" has no scheme; write https://…']);
  });

  it("carries a trace context of its own with each request", async () => {
    const url = await serve(echo);
    const { value, samples } = await runScript(
      `return [http.get(URL_).json("headers.traceparent"), http.get(URL_).json("headers.traceparent")];`,
      url,
      {},
      (user) =>
        traceRequests(user.host, {
          wants: (_user, place) => place.startsWith(url),
        }),
    );
    const [first, second] = value as string[];
    expect(first).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(second).not.toBe(first);
    const traced = samples.filter(({ traceId }) => traceId !== undefined);
    expect(traced.map(({ metric, traceId }) => [metric, traceId])).toEqual([
      ["http_req_duration", first!.slice(3, 35)],
      ["http_req_duration", second!.slice(3, 35)],
    ]);
  });
});

describe("responses", () => {
  it("have every field that k6's have", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(201, "Made Up", {
        "content-type": "text/plain",
        "x-twice": ["a", "b"],
        "set-cookie": ["id=5; Path=/x; HttpOnly; Max-Age=60", "t=u; Secure"],
      });
      response.end("hällo");
    });
    const { value } = await runScript(
      `const r = http.post(URL_ + "/a?b", "sent", { cookies: { c: "d" } });
       return JSON.parse(JSON.stringify(r));`,
      url,
    );
    const { timings, headers, request, ...rest } = value as Record<string, Record<string, unknown>>;
    expect(rest).toEqual({
      remote_ip: "127.0.0.1",
      remote_port: Number(new URL(url).port),
      url: `${url}/a?b`,
      status: 201,
      status_text: "201 Made Up",
      proto: "HTTP/1.1",
      body: "hällo",
      tls_version: "",
      tls_cipher_suite: "",
      error: "",
      error_code: 0,
      ocsp: expect.objectContaining({ status: "" }) as object,
      cookies: {
        id: [{ name: "id", value: "5", domain: "", path: "/x", httpOnly: true, secure: false, maxAge: 60, expires: 0 }],
        t: [{ name: "t", value: "u", domain: "", path: "", httpOnly: false, secure: true, maxAge: 0, expires: 0 }],
      },
    });
    expect(headers).toMatchObject({ "Content-Type": "text/plain", "X-Twice": "a, b" });
    expect(Object.keys(timings!)).toEqual([
      "duration",
      "blocked",
      "looking_up",
      "connecting",
      "tls_handshaking",
      "sending",
      "waiting",
      "receiving",
    ]);
    expect(request).toMatchObject({
      method: "POST",
      url: `${url}/a?b`,
      body: "sent",
      headers: { "User-Agent": ["traceo-test"], Cookie: ["c=d"], "Content-Length": ["4"] },
      cookies: { c: [{ name: "c", value: "d", replace: false }] },
    });
  });

  it("give bodies as text, buffer or not at all", async () => {
    const url = await serve((_request, response) => response.end(Buffer.from([0xff, 0x41])));
    const script = `const read = (responseType) => {
         const { body } = http.get(URL_, { responseType });
         return body instanceof ArrayBuffer ? [...new Uint8Array(body)] : body;
       };
       return [read("text"), read("binary"), read("none"), http.get(URL_).body];`;
    expect((await runScript(script, url)).value).toEqual(["\ufffdA", [0xff, 0x41], null, "\ufffdA"]);
    const discarding = await runScript(script, url, { discardResponseBodies: true });
    expect(discarding.value).toEqual(["\ufffdA", [0xff, 0x41], null, null]);
  });

  it("unpack what the server packed, and say when it is damaged", async () => {
    const url = await serve((request, response) => {
      response.setHeader("Content-Encoding", request.url!.slice(1));
      const packed = gzipSync("packed");
      if (request.url === "/gzip") response.end(packed);
      else if (request.url === "/zstd") response.end(storedZstd(Buffer.from("stored")));
      else if (request.url === "/unknown") response.end("as it is");
      else response.end("not brotli");
    });
    const { value, samples } = await runScript(
      `const seen = [];
       for (const name of ["gzip", "zstd", "unknown", "br"]) { const r = http.get(URL_ + "/" + name); seen.push([r.body, r.error_code]); }
       return seen;`,
      url,
    );
    expect(value).toEqual([
      ["packed", 0],
      ["stored", 0],
      ["as it is", 0],
      [null, 1701],
    ]);
    expect(samples.filter(({ metric }) => metric === "http_reqs").at(-1)!.tags).toMatchObject({ error_code: "1701" });
  });

  it("read JSON once, by gjson's paths, and say why not", async () => {
    const url = await serve((request, response) =>
      response.end(request.url === "/" ? '{"a":{"b":[1,{"c":"deep"}]}}' : "<html>"),
    );
    const { value } = await runScript(
      `const r = http.get(URL_);
       let message;
       try { http.get(URL_ + "/html").json(); } catch (error) { message = error.message; }
       return [r.json() === r.json(), r.json("a.b.1.c"), r.json("a.x"), message];`,
      url,
    );
    expect(value).toEqual([true, "deep", undefined, expect.stringContaining("line 1, character 1") as string]);
  });

  it("let scripts write to their fields, as plain objects do", async () => {
    const url = await serve(echo);
    const { value } = await runScript(
      `const r = http.get(URL_); r.body = "mine"; r.note = 1; return [r.body, r.note, r.headers === r.headers];`,
      url,
    );
    expect(value).toEqual(["mine", 1, true]);
  });
});

describe("redirects", () => {
  const redirecting = () =>
    serve((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, "http://x");
      if (pathname.startsWith("/to/")) {
        response.writeHead(Number(pathname.slice(4)), { location: "/echo", "set-cookie": "hop=1; Path=/" });
        response.end("moved");
      } else if (pathname === "/loop") {
        const n = Number(searchParams.get("n"));
        response.writeHead(302, { location: `/loop?n=${n + 1}` }).end();
      } else if (pathname === "/away") response.writeHead(302, { location: "ftp://x/" }).end();
      else echo(request, response);
    });

  it("follow each kind by its rules, cookies with them", async () => {
    const url = await redirecting();
    const { value, samples } = await runScript(
      `const all = [];
       for (const status of [301, 302, 303, 307, 308]) {
         const r = http.post(URL_ + "/to/" + status, "body", { headers: { "Content-Type": "text/plain" } });
         const seen = r.json();
         all.push([status, r.url.slice(URL_.length), seen.method, seen.body, seen.headers["content-type"], seen.headers.cookie, seen.headers.referer.slice(URL_.length)]);
       }
       return all;`,
      url,
    );
    const get = (status: number) => [status, "/echo", "GET", "", undefined, "hop=1", `/to/${status}`];
    const same = (status: number) => [status, "/echo", "POST", "body", "text/plain", "hop=1", `/to/${status}`];
    expect(value).toEqual([get(301), get(302), get(303), same(307), same(308)]);
    const requests = samples.filter(({ metric }) => metric === "http_reqs");
    expect(requests.slice(0, 2).map(({ tags }) => [tags["status"], tags["method"], tags["url"]])).toEqual([
      ["301", "POST", `${url}/to/301`],
      ["200", "GET", `${url}/echo`],
    ]);
    expect(requests).toHaveLength(10);
  });

  it("stop where they should, and say so", async () => {
    const url = await redirecting();
    const { value, log, samples } = await runScript(
      `const all = http.get(URL_ + "/loop?n=0");
       const two = http.get(URL_ + "/loop?n=0", { redirects: 2 });
       const none = http.get(URL_ + "/loop?n=0", { redirects: 0 });
       const away = http.get(URL_ + "/away");
       return [all.url, two.url, none.url, none.status, none.headers.Location].map((one) => String(one).replace(URL_, "")).concat(away.error);`,
      url,
    );
    expect(value).toEqual([
      "/loop?n=10",
      "/loop?n=2",
      "/loop?n=0",
      "302",
      "/loop?n=1",
      'unsupported protocol scheme "ftp"',
    ]);
    expect(log[0]).toContain("Stopped after 10 redirects");
    expect(samples.filter(({ metric }) => metric === "http_reqs")).toHaveLength(11 + 3 + 1 + 1);
  });

  it("keep credentials at home", async () => {
    const other = await serve(echo);
    const url = await serve((_request, response) =>
      response.writeHead(302, { location: other.replace("127.0.0.1", "localhost") }).end(),
    );
    const { value } = await runScript(
      `return http.get(URL_, { headers: { Authorization: "Bearer x", "X-Kept": "y" } }).json("headers");`,
      url,
    );
    expect(value).toMatchObject({ "x-kept": "y" });
    expect(value).not.toHaveProperty("authorization");
  });
});

describe("cookies", () => {
  it("are kept from one request to the next, for this iteration", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/set") response.setHeader("Set-Cookie", ["a=1", "b=2; Path=/deep"]);
      response.end(request.headers.cookie ?? "none");
    });
    const { value, user } = await runScript(
      `const read = (path, params) => http.get(URL_ + path, params).body;
       const jar = http.cookieJar();
       const seen = [read("/set"), read("/"), read("/deep/er"), read("/", { cookies: { a: "3", c: "x y" } }), read("/", { cookies: { a: { value: "3", replace: true } } })];
       jar.set(URL_, "own", "set", { path: "/", max_age: 10 });
       seen.push(read("/"), JSON.stringify(jar.cookiesForURL(URL_)));
       jar.delete(URL_, "own");
       seen.push(read("/"));
       jar.clear(URL_);
       seen.push(read("/"));
       const other = new http.CookieJar();
       other.set(URL_, "z", "9");
       seen.push(read("/", { jar: other }));
       http.get(URL_ + "/set");
       return seen;`,
      url,
    );
    expect(value).toEqual([
      "none",
      "a=1",
      "b=2; a=1",
      'a=1; a=3; c="x y"',
      "a=3",
      "a=1; own=set",
      '{"a":["1"],"own":["set"]}',
      "a=1",
      "none",
      "z=9",
    ]);
    startHttpIteration(user);
    expect(await user.call("default", [])).toEqual(value);
  });
});

describe("authentication", () => {
  it("basic, from the URL, which nobody gets to see", async () => {
    const url = await serve(echo);
    const { value, samples } = await runScript(
      `const r = http.get(URL_.replace("//", "//user:pa%20ss@") + "/x", { auth: "basic" });
       return [r.json("headers.authorization"), r.url];`,
      url,
    );
    const shown = `${url.replace("//", "//****:****@")}/x`;
    expect(value).toEqual([`Basic ${Buffer.from("user:pa ss").toString("base64")}`, shown]);
    expect(samples[0]!.tags).toMatchObject({ url: shown, name: shown });
  });

  it("digest, the challenge being expected", async () => {
    const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
    const url = await serve((request, response) => {
      const { authorization } = request.headers;
      if (authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Digest realm="r", nonce="n", qop="auth,auth-int", opaque="o"' });
        response.end();
        return;
      }
      const field = (name: string): string => new RegExp(`${name}="?([^",]+)`).exec(authorization)![1]!;
      const expected = md5(
        `${md5("user:r:secret")}:n:${field("nc")}:${field("cnonce")}:auth:${md5(`GET:${request.url}`)}`,
      );
      response.writeHead(field("response") === expected && field("opaque") === "o" ? 200 : 403).end();
    });
    const { value, samples } = await runScript(
      `return http.get(URL_.replace("//", "//user:secret@") + "/d?x=1", { auth: "digest" }).status;`,
      url,
    );
    expect(value).toBe(200);
    expect(samples.filter(({ metric }) => metric === "http_req_failed").map((sample) => sample.value)).toEqual([0, 0]);
    expect(samples.filter(({ metric }) => metric === "http_reqs").map(({ tags }) => tags["status"])).toEqual([
      "401",
      "200",
    ]);
  });
});

describe("samples", () => {
  it("are k6's, with its tags", async () => {
    const url = await serve((request, response) => {
      response.statusCode = request.url === "/missing" ? 404 : 200;
      response.end("x");
    });
    const { samples } = await runScript(
      `http.get(URL_ + "/ok", { tags: { mine: "yes", n: 5 } });
       http.get(URL_ + "/missing");
       http.get(http.url\`\${URL_}/items/\${7}\`);
       http.get(URL_ + "/named", { tags: { name: "Named" } });`,
      url,
    );
    const [ok, missing, template, named] = samples.filter(({ metric }) => metric === "http_req_duration");
    expect(ok!.tags).toEqual({
      scenario: "default",
      mine: "yes",
      n: "5",
      method: "GET",
      url: `${url}/ok`,
      name: `${url}/ok`,
      status: "200",
      proto: "HTTP/1.1",
      expected_response: "true",
    });
    expect(missing!.tags).toMatchObject({ status: "404", error_code: "1404", expected_response: "false" });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what k6 calls a template URL.
    const templateName = "${}/items/${}";
    expect(template!.tags).toMatchObject({ name: templateName, url: templateName });
    expect(named!.tags).toMatchObject({ name: "Named", url: "Named" });
    expect(samples.slice(0, 11).map(({ metric }) => metric)).toEqual([
      "http_reqs",
      "http_req_duration",
      "http_req_blocked",
      "http_req_connecting",
      "http_req_tls_handshaking",
      "http_req_sending",
      "http_req_waiting",
      "http_req_receiving",
      "http_req_failed",
      "data_sent",
      "data_received",
    ]);
    const [first] = samples;
    expect(Math.abs(first!.unixMs - Date.now())).toBeLessThan(60_000);
    expect(samples.find(({ metric }) => metric === "data_sent")!.tags).toEqual({ scenario: "default" });
  });

  it("follow what the script expects", async () => {
    const url = await serve((_request, response) => {
      response.statusCode = 404;
      response.end();
    });
    const { samples } = await runScript(
      `http.get(URL_);
       http.get(URL_, { responseCallback: http.expectedStatuses(404) });
       http.setResponseCallback(http.expectedStatuses({ min: 400, max: 499 }, 200));
       http.get(URL_);
       http.get(URL_, { responseCallback: null });
       http.setResponseCallback(null);
       http.get(URL_);`,
      url,
    );
    expect(samples.filter(({ metric }) => metric === "http_req_failed").map(({ value }) => value)).toEqual([1, 0, 0]);
    expect(samples.filter(({ metric }) => metric === "http_reqs").map(({ tags }) => tags["expected_response"])).toEqual(
      ["false", "true", "true", undefined, undefined],
    );
  });

  it("keep to the system tags that are wanted", async () => {
    const url = await serve(echo);
    const { samples } = await runScript("http.get(URL_);", url, { systemTags: new Set(["status", "ip"]) });
    expect(samples[0]!.tags).toEqual({ scenario: "default", status: "200", ip: "127.0.0.1" });
  });
});

describe("pages", () => {
  it("are gone on from by forms and links", async () => {
    const url = await serve((request, response) => {
      if (request.url !== "/page/") {
        echo(request, response);
        return;
      }
      response.end(`<form id="f" method="post" action="../login"><input name="user" value="me"><input type="checkbox" name="no">
        <select name="s"><option>one<option selected>two</select><textarea name="t">text</textarea>
        <input type="submit" name="go" value="Go"></form>
        <form id="q" action="/search"><input name="q"></form><a href="next?x=1">Next</a>`);
    });
    const { value } = await runScript(
      `const page = http.get(URL_ + "/page/");
       const sent = page.submitForm({ formSelector: "#f", fields: { user: "you", extra: "1" }, params: { headers: { "X-P": "p" } } }).json();
       const asked = page.submitForm({ formSelector: "#q", fields: { q: "a b" } }).json();
       const link = page.clickLink({ selector: "a" }).json();
       let message;
       try { page.clickLink({ selector: "b" }); } catch (error) { message = error.message; }
       return [sent.method, sent.path, sent.body, sent.headers["x-p"], asked.method, asked.path, link.path, message];`,
      url,
    );
    expect(value).toEqual([
      "POST",
      "/login",
      "extra=1&go=Go&s=two&t=text&user=you",
      "p",
      "GET",
      "/search?q=a+b",
      "/page/next?x=1",
      `no element found for selector "b" in response "${url}/page/"`,
    ]);
  });

  it("let each() make requests", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/") response.end('<a href="/1">one</a><a href="/2">two</a>');
      else response.end(request.url);
    });
    const { value } = await runScript(
      `const seen = [];
       http.get(URL_).html("a").each((index, link) => { seen.push(index, http.get(URL_ + link.getAttribute("href")).body); });
       return seen.concat(parseHTML("<p>a<p>b").find("p").map((index, p) => p.text()));`,
      url,
    );
    expect(value).toEqual([0, "/1", 1, "/2", "a", "b"]);
  });
});

it("refuses requests in the init context", async () => {
  await expect(runScript(`}\nhttp.get("http://localhost/");\n{`)).rejects.toThrow(/init context/);
});
