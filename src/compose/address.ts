import { Failure } from "#runtime/failure.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:7070`, `[::1]:7070`. Throws "config-invalid". */
export function parseAddress(text: string, flag: string): Address {
  const at = text.lastIndexOf(":");
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port > 65_535)
    throw new Failure("config-invalid", `--${flag}: expected HOST:PORT, not \`${text}\`.`);
  return { host: text.slice(0, at).replaceAll(/[[\]]/g, ""), port };
}
