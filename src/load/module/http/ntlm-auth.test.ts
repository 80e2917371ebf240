import { createHmac } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { md4 } from "../md4.ts";
import { closeAll, runScript, serve } from "./http.suite.ts";
import { answerNtlm } from "./ntlm-auth.ts";

afterEach(closeAll);

const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le");

/** A challenge ([MS-NLMP] 2.2.1.2) with the server challenge and target info of that document's example 4.2.4. */
function challengeMessage(): Buffer {
  const info = Buffer.concat([
    Buffer.from([2, 0, 12, 0]),
    utf16("Domain"),
    Buffer.from([1, 0, 12, 0]),
    utf16("Server"),
    Buffer.from([0, 0, 0, 0]),
  ]);
  const message = Buffer.alloc(48);
  message.write("NTLMSSP\0", "latin1");
  message.writeUInt32LE(2, 8);
  message.writeUInt32LE(0xe28a8233, 20);
  Buffer.from("0123456789abcdef", "hex").copy(message, 24);
  message.writeUInt16LE(info.length, 40);
  message.writeUInt16LE(info.length, 42);
  message.writeUInt32LE(48, 44);
  return Buffer.concat([message, info]);
}

function fieldOf(message: Buffer, index: number): Buffer {
  const at = 12 + index * 8;
  return message.subarray(message.readUInt32LE(at + 4), message.readUInt32LE(at + 4) + message.readUInt16LE(at));
}

describe("NTLMv2", () => {
  it("answers the example of [MS-NLMP] 4.2.4 as printed there", () => {
    // Time 0 of the example is the start of 1601.
    const answer = answerNtlm(
      challengeMessage().toString("base64"),
      { username: "Domain\\User", password: "Password" },
      Buffer.alloc(8, 0xaa),
      -11_644_473_600_000,
    );
    const message = Buffer.from(answer!, "base64");
    expect(fieldOf(message, 0).toString("hex")).toBe("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
    expect(fieldOf(message, 1).subarray(0, 16).toString("hex")).toBe("68cd0ab851e51c96aabc927bebef6a1c");
    expect(fieldOf(message, 2).toString("utf16le")).toBe("Domain");
  });

  it("refuses what is no challenge", () => {
    for (const text of ["", "AAAA", Buffer.alloc(60).toString("base64")])
      expect(answerNtlm(text, { username: "u", password: "p" })).toBeUndefined();
  });

  it("authenticates a connection in three messages", async () => {
    const key = createHmac("md5", md4(utf16("secret")))
      .update(utf16("USER"))
      .digest();
    const url = await serve((request, response) => {
      const message = Buffer.from((request.headers.authorization ?? "").replace("NTLM ", ""), "base64");
      const offer = (value: string): void => {
        response.writeHead(401, { "www-authenticate": value }).end();
      };
      if (message.length === 0) offer("NTLM");
      else if (message.readUInt32LE(8) === 1) offer(`NTLM ${challengeMessage().toString("base64")}`);
      else {
        const answer = fieldOf(message, 1);
        const proof = createHmac("md5", key)
          .update(Buffer.from("0123456789abcdef", "hex"))
          .update(answer.subarray(16))
          .digest();
        response.writeHead(proof.equals(answer.subarray(0, 16)) ? 200 : 403).end();
      }
    });
    const { value, samples } = await runScript(
      `const ask = (password) => http.get(URL_.replace("//", "//user:" + password + "@"), { auth: "ntlm" }).status;
       return [ask("secret"), ask("wrong")];`,
      url,
    );
    expect(value).toEqual([200, 403]);
    expect(samples.filter(({ metric }) => metric === "http_reqs")).toHaveLength(6);
  });
});
