import protobuf from "protobufjs";
import "protobufjs/ext/descriptor/index.js";
import { Failure } from "#runtime/failure.ts";
import { messageFromJson, messageToJson } from "./proto-json.ts";

/** One method of a service, and its messages as JSON values (proto3's JSON mapping, as k6 and grpcurl speak it). */
export interface GrpcMethod {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly isClientStreaming: boolean;
  readonly isServerStreaming: boolean;
  /** Throws a TypeError that names the field which does not fit. */
  encode(request: unknown): Uint8Array;
  /** Throws an Error when the bytes are no message of the response's type. */
  decode(response: Uint8Array): unknown;
}

/** `protobufjs/ext/descriptor` adds it to Root without saying so to TypeScript. */
const { fromDescriptor } = protobuf.Root as unknown as { fromDescriptor(set: Uint8Array): protobuf.Root };

const MAX_FILES = 2_000;

/** Services and messages known from .proto files, protosets or a server's reflection. */
export class ProtoSchema {
  readonly #root = new protobuf.Root();
  readonly #loaded = new Set<string>();

  /**
   * Reads `files` and what they import, each searched for in `importPaths` in turn. `read` answers a file's text, undefined if
   * it is not there. Throws "config-invalid" with the file for what cannot be found or read.
   */
  addFiles(
    importPaths: readonly string[],
    files: readonly string[],
    read: (path: string) => string | undefined,
  ): readonly string[] {
    const queue = [...files];
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      if (this.#loaded.has(name)) continue;
      if (this.#loaded.size >= MAX_FILES)
        throw new Failure("config-invalid", `more than ${MAX_FILES} .proto files are imported`);
      this.#loaded.add(name);
      const common = protobuf.common.get(name);
      if (common !== null) {
        if (common.nested !== undefined) this.#root.addJSON(common.nested);
        continue;
      }
      const places =
        importPaths.length === 0 ? [name] : importPaths.map((path) => `${path.replace(/\/+$/, "")}/${name}`);
      const found = places.map((path) => ({ path, text: read(path) })).find(({ text }) => text !== undefined);
      if (found === undefined)
        throw new Failure("config-invalid", `cannot find ${name}; looked for ${places.join(", ")}`, {
          remedy: "Name the folder that imports are relative to in the first argument of client.load().",
        });
      try {
        const { imports = [], weakImports = [] } = protobuf.parse(found.text!, this.#root, { keepCase: true });
        queue.push(...imports, ...weakImports);
      } catch (error) {
        throw new Failure("config-invalid", `${found.path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return this.#settle();
  }

  /** Reads a google.protobuf.FileDescriptorSet (a "protoset", or what reflection answers). */
  addDescriptorSet(bytes: Uint8Array): readonly string[] {
    let root: protobuf.Root;
    try {
      root = fromDescriptor(bytes);
    } catch (error) {
      throw new Failure("config-invalid", `no protoset: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#root.addJSON(root.toJSON({ keepComments: false }).nested ?? {});
    return this.#settle();
  }

  /** `package.Service/Method`, with or without a slash before it. */
  method(name: string): GrpcMethod | undefined {
    const [service, method] = name.replace(/^\//, "").split("/");
    if (service === undefined || method === undefined) return undefined;
    const found = lookupService(this.#root, service)?.methods[method];
    if (found === undefined) return undefined;
    found.resolve();
    const { resolvedRequestType: request, resolvedResponseType: response } = found;
    return {
      path: `/${service}/${method}`,
      isClientStreaming: found.requestStream === true,
      isServerStreaming: found.responseStream === true,
      encode: (value) => request!.encode(messageFromJson(request!, value, this.#root)).finish(),
      decode: (bytes) => messageToJson(response!, response!.decode(bytes), this.#root),
    };
  }

  /** The methods known, as names. */
  #settle(): readonly string[] {
    try {
      this.#root.resolveAll();
    } catch (error) {
      throw new Failure("config-invalid", error instanceof Error ? error.message : String(error));
    }
    return servicesOf(this.#root).flatMap((service) =>
      service.methodsArray.map((method) => `${service.fullName.slice(1)}/${method.name}`),
    );
  }
}

function lookupService(root: protobuf.Root, name: string): protobuf.Service | undefined {
  const found = root.lookup(name, [protobuf.Service]);
  return found instanceof protobuf.Service ? found : undefined;
}

function servicesOf(namespace: protobuf.NamespaceBase): protobuf.Service[] {
  return namespace.nestedArray.flatMap((entry) => {
    if (entry instanceof protobuf.Service) return [entry];
    return entry instanceof protobuf.Namespace ? servicesOf(entry) : [];
  });
}
