import protobuf from "protobufjs";
import type { Signal } from "#model/batch.ts";
import { REQUEST } from "./reference.ts";

/**
 * Prints a protobuf request as OTLP/JSON, spelled in any of the ways a receiver must or does take: white space, either kind of
 * field name, 64-bit numbers bare or in quotes, enum numbers or names, hexadecimal of either case, escapes, unknown fields
 * and nulls. `random` gives numbers from 0 to 1; one that always gives 1 prints the plain form that SDKs send.
 */
// biome-ignore lint/suspicious/noExplicitAny: a decoded protobufjs message has no static type.
type Message = any;

export function printJson(signal: Signal, body: Uint8Array, random: () => number = () => 1): Uint8Array {
  const type = REQUEST[signal];
  return Buffer.from(new Printer(random).message(type, type.decode(body)));
}

class Printer {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  message(type: protobuf.Type, held: Message): string {
    type.resolveAll();
    const parts: string[] = [];
    for (const field of type.fieldsArray) {
      if (!Object.hasOwn(held, field.name) || held[field.name] === null) {
        if (this.#random() < 0.1) parts.push(`${this.#name(field)}${this.#space()}:null`);
        continue;
      }
      const value = held[field.name];
      const text = field.repeated
        ? `[${this.#space()}${value.map((one: Message) => this.#value(type, field, one)).join(`${this.#space()},${this.#space()}`)}]`
        : this.#value(type, field, value);
      parts.push(`${this.#name(field)}${this.#space()}:${this.#space()}${text}`);
      if (this.#random() < 0.1) parts.push(`"not known":[1.5e-3,{"a":[{}],"b":"\\"}"},null,true,false,"\\u00e9"]`);
    }
    return `{${this.#space()}${parts.join(`${this.#space()},${this.#space()}`)}${this.#space()}}`;
  }

  #space(): string {
    const chosen = this.#random();
    return chosen < 0.1 ? " " : chosen < 0.15 ? "\n\t" : chosen < 0.2 ? "\r\n  " : "";
  }

  #name(field: protobuf.Field): string {
    const name =
      this.#random() < 0.2 ? field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : field.name;
    if (this.#random() < 0.05) return `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${name.slice(1)}"`;
    return `"${name}"`;
  }

  #value(type: protobuf.Type, field: protobuf.Field, value: Message): string {
    if (field.resolvedType instanceof protobuf.Enum) {
      const name = field.resolvedType.valuesById[value];
      if (name !== undefined && this.#random() < 0.3) return `"${name}"`;
      return this.#random() < 0.1 ? `"${value}"` : String(value);
    }
    if (field.resolvedType instanceof protobuf.Type) return this.message(field.resolvedType, value);
    switch (field.type) {
      case "string":
        return this.#string(value);
      case "bytes":
        if (/[iI]d$/.test(field.name) && type.name !== "AnyValue") {
          const digits = Buffer.from(value).toString("hex");
          return `"${this.#random() < 0.2 ? digits.toUpperCase() : digits}"`;
        }
        return `"${Buffer.from(value).toString(this.#random() < 0.3 ? "base64url" : "base64")}"`;
      case "bool":
        return String(value);
      case "double":
        return this.#double(value);
      default: {
        const text = value.toString();
        const form = this.#random();
        if (/64$/.test(field.type)) return form < 0.3 ? text : `"${text}"`;
        if (form < 0.1) return `"${text}"`;
        if (form < 0.15) return `${text}.0`;
        if (form < 0.2) return `${text}0e-1`;
        return text;
      }
    }
  }

  #double(value: number): string {
    if (!Number.isFinite(value)) return `"${value}"`;
    const text = Object.is(value, -0) ? "-0" : String(value);
    return this.#random() < 0.1 ? `"${text}"` : text;
  }

  #string(text: string): string {
    let printed = JSON.stringify(text);
    if (this.#random() < 0.2) {
      const escaped = [...text].map((character) =>
        character
          .split("")
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
          .join(""),
      );
      printed = `"${escaped.join("")}"`;
    } else if (text.length > 3) printed = printed.replaceAll("/", "\\/");
    return printed;
  }
}
