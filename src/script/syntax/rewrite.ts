import { NOWHERE, type Piece, type Range } from "./piece.ts";
import { boundNames, hoistedNames, lexicalNames } from "./scope.ts";
import { childrenOf, hasCalls, isFunction, type Node } from "./tree.ts";

/*
 * Makes a file's code suspendable without changing what it does.
 *
 *   function f(a) { return g(a) + 1 }
 *
 * becomes a visible function, which code that was not transformed may call (then what blocks in it really blocks), and its
 * hidden twin, which call sites find at run time:
 *
 *   function f(p) { return $s(f$, this, arguments) }
 *   async function f$(a) {
 *     let $a = 0, $v, $h = $S.thread;                        // was it suspended? what does it return? who runs it?
 *     try { $b: { $v = ($c1(undefined, g, a) ? $u() : ($a = 1, $h.r(await $p()))) + 1; break $b; } }
 *     catch ($e) { if ($a) throw $e; $S.value = $e; $S.completed = 2; return; }
 *     return $a ? [$v] : $k($v);                             // boxed, or through the side slot
 *   }
 *
 * All names of ours begin with a prefix (here `$`) that the file does not contain. Modes of the code that is being written:
 *   plain    cannot be suspended (constructors, getters, generators, field initialisers, functions without calls)
 *   twin     an async twin as above, or the module itself
 *   async    the body of an async function of the script: `await` gives the turn back to the user's event loop
 */
type Mode = "plain" | "twin" | "async";

interface FunctionContext {
  readonly mode: Mode;
  readonly isStrict: boolean;
  /** Temporary variables in use, and the most that ever were. */
  temps: number;
  maxTemps: number;
  /** `new.target` is written `$nt` here: the function is a twin, or an arrow function in one. */
  readonly hidesNewTarget: boolean;
}

export interface ModuleShape {
  readonly kind: "module" | "commonjs";
  /** Local name → which import it is. */
  readonly imports: ReadonlyMap<string, { readonly index: number; readonly name: string | undefined }>;
  /** Exported name → the expression that reads it (`a`, or of import i: `[i, name]`). */
  readonly exports: ReadonlyMap<string, string | readonly [number, string | undefined]>;
  readonly importCount: number;
}

export interface Rewritten {
  readonly root: Piece;
}

/** Positions that the file can be refused at. */
export type Refuse = (message: string, at: number) => never;

/** Names of the language that no user has for itself. */
const INTRINSICS = new Set(
  (
    "undefined NaN Infinity Object Array Function String Number Boolean Symbol BigInt JSON Reflect Proxy Map Set WeakMap " +
    "WeakSet WeakRef FinalizationRegistry Date RegExp Error EvalError RangeError ReferenceError SyntaxError TypeError " +
    "URIError AggregateError ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array " +
    "Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array Atomics Intl parseInt " +
    "parseFloat isNaN isFinite encodeURI encodeURIComponent decodeURI decodeURIComponent escape unescape eval arguments"
  ).split(" "),
);

const unparen = (node: Node): Node => (node.type === "ParenthesizedExpression" ? unparen(node.expression) : node);

export class Rewriter {
  readonly #text: string;
  readonly #shape: ModuleShape;
  readonly #globals: ReadonlySet<string>;
  readonly #refuse: Refuse;
  /** The prefix of our names. */
  readonly #p: string;
  readonly #scopes: Set<string>[] = [];
  #fn: FunctionContext;
  readonly #factories: Piece[] = [];
  #count = 0;
  /** Private methods with twins, of the classes around. */
  readonly #privates: Set<string>[] = [];
  readonly #isStrictFile: boolean;
  /** So that `toString` finds the file again. */
  readonly #fileId: number;

  constructor(
    text: string,
    fileId: number,
    shape: ModuleShape,
    globals: ReadonlySet<string>,
    isStrict: boolean,
    refuse: Refuse,
  ) {
    this.#fileId = fileId;
    this.#text = text;
    this.#shape = shape;
    this.#globals = globals;
    this.#refuse = refuse;
    this.#isStrictFile = isStrict;
    let prefix = "$$";
    while (text.includes(prefix)) prefix += "$";
    this.#p = prefix;
    this.#fn = { mode: "twin", isStrict, temps: 0, maxTemps: 0, hidesNewTarget: false };
  }

  /** The whole file: `(R) => async function(…)`, to be evaluated once; the function is called for each user. */
  file(program: Node): Piece {
    const $ = this.#p;
    const params = [`${$}`, `${$}G`, `${$}co`, `${$}m`, "require", "open"];
    const own = new Set(["require", "open"]);
    if (this.#shape.kind === "commonjs") {
      params.push("module", "exports");
      own.add("module").add("exports");
    }
    for (let index = 0; index < this.#shape.importCount; index++) params.push(`${$}i${index}`);
    // `import { open } from "k6/experimental/fs"` goes before the global.
    for (const name of this.#shape.imports.keys()) own.delete(name);
    this.#scopes.push(own);
    const body = this.#scoped([lexicalNames(program.body), hoistedNames(program)], () =>
      this.#list(program.body, true),
    );
    const twin: Piece = [
      `async function(${params.join()}){let ${$}a=0,${$}v,${$}h=${$}S.thread`,
      this.#temps(),
      `;try{${$}b:{`,
      this.#exports(),
      body,
      `}}catch(${$}e){if(${$}a)throw ${$}e;${$}S.value=${$}e;${$}S.completed=2;return}return ${$}a?[${$}v]:${$}k(${$}v)}`,
    ];
    return [
      HIDDEN,
      `(function(${$}R){${this.#isStrictFile ? '"use strict";' : ""}const {S:${$}S,k:${$}k,u:${$}u,p:${$}p,c0:${$}c0,c1:${$}c1,c2:${$}c2,c3:${$}c3,cm:${$}cm,n:${$}n,s:${$}s,l:${$}l,lk:${$}lk,cl:${$}cl,as:${$}as,y:${$}y,T:${$}T}=${$}R;`,
      ...this.#factories,
      "return ",
      twin,
      "\n})",
    ];
  }

  #exports(): Piece {
    const $ = this.#p;
    if (this.#shape.kind === "commonjs") return "";
    const getters = [...this.#shape.exports].map(([name, from]) => {
      const value =
        typeof from === "string"
          ? from === "*default"
            ? `${$}d`
            : from
          : from[1] === undefined
            ? `${$}i${from[0]}.n`
            : `${$}i${from[0]}.n[${JSON.stringify(from[1])}]`;
      return `get ${JSON.stringify(name)}(){return ${value}}`;
    });
    // In a cycle the module waits here for its turn; its functions can be called already.
    return `const ${$}g=${$}.x({__proto__:null,${getters.join()}});if(${$}g!==undefined){${$}a=1;await ${$}g;${$}h.e()}`;
  }

  /** The temporaries of the function, to be read when the whole function was written. */
  #temps(): Piece {
    const fn = this.#fn;
    const $ = this.#p;
    // A tree is printed after it is complete, so this array is filled late.
    const pieces: string[] = [];
    this.#late.push(() => {
      for (let index = 1; index <= fn.maxTemps; index++) pieces.push(`,${$}${index}`);
    });
    return pieces;
  }
  readonly #late: (() => void)[] = [];

  finish(): void {
    for (const fill of this.#late) fill();
  }

  #scoped<T>(scopes: readonly Set<string>[], run: () => T): T {
    this.#scopes.push(...scopes);
    const result = run();
    this.#scopes.length -= scopes.length;
    return result;
  }

  #temp(): string {
    this.#fn.temps++;
    this.#fn.maxTemps = Math.max(this.#fn.maxTemps, this.#fn.temps);
    return `${this.#p}${this.#fn.temps}`;
  }

  // ── Statements ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A list of statements: links of the functions that it declares first. `isBody`: of a function, now inside a block. */
  #list(statements: readonly Node[], isBody = false): Piece {
    const links: Piece[] = [];
    const pieces: Piece[] = [];
    const seen = new Map<string, Node>();
    const conflicts = new Set<string>();
    if (isBody) {
      const variables = new Set<string>();
      for (const statement of statements)
        if (statement.type !== "FunctionDeclaration")
          for (const name of hoistedVariables(statement)) variables.add(name);
      for (const statement of statements) {
        const declaration = declared(statement);
        if (declaration?.type !== "FunctionDeclaration" || declaration.id === null) continue;
        const { name } = declaration.id;
        if (seen.has(name) || variables.has(name)) conflicts.add(name);
        seen.set(name, declaration);
      }
    }
    for (const statement of statements) {
      if (statement.directive !== undefined && statement.type === "ExpressionStatement") {
        pieces.push(range(statement), this.#text[statement.end - 1] === ";" ? "" : ";");
        continue;
      }
      const declaration = declared(statement);
      if (declaration?.type === "FunctionDeclaration") {
        if (declaration.id === null) links.push(`const ${this.#p}d=`, this.#function(declaration, "default"), ";");
        else if (conflicts.has(declaration.id.name)) {
          if (seen.get(declaration.id.name) === declaration)
            links.push(`var ${declaration.id.name}=`, this.#function(declaration, declaration.id.name), ";");
        } else this.#declareFunction(declaration, links, pieces);
        continue;
      }
      pieces.push(this.#statement(statement), "\n");
    }
    return [...links, ...pieces];
  }

  #declareFunction(node: Node, links: Piece[], pieces: Piece[]): void {
    const $ = this.#p;
    if (!this.#needsTwin(node)) {
      pieces.push(this.#plainFunction(node), "\n");
      return;
    }
    const twin = `${$}f${++this.#count}`;
    const usesNewTarget = this.#usesNewTarget(node);
    const strict = !this.#fn.isStrict && this.#hasStrictDirective(node) ? '"use strict";' : "";
    pieces.push(
      HIDDEN,
      `function ${node.id.name}(${this.#placeholders(node)}){${strict}${this.#marker(node)}return ${$}s(${twin},this,arguments${usesNewTarget ? ",new.target" : ""})}`,
      this.#twin(node, twin),
      "\n",
    );
    links.push(`${$}l(${node.id.name},${twin});`);
  }

  #statement(node: Node): Piece {
    const temps = this.#fn.temps;
    const piece = this.#statementOf(node);
    this.#fn.temps = temps;
    return piece;
  }

  #statementOf(node: Node): Piece {
    const $ = this.#p;
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportAllDeclaration":
        return "";
      case "ExportNamedDeclaration":
        return node.declaration ? this.#statement(node.declaration) : "";
      case "ExportDefaultDeclaration": {
        if (node.declaration.type === "ClassDeclaration" && node.declaration.id)
          return this.#statement(node.declaration);
        return [`const ${$}d=`, this.#named(node.declaration, "default", true), ";"];
      }
      case "FunctionDeclaration": {
        // In a place without a list of its own (a case, a label, the branch of an if).
        const links: Piece[] = [];
        const pieces: Piece[] = [];
        this.#declareFunction(node, links, pieces);
        return ["{", ...pieces, ...links, "}"];
      }
      case "BlockStatement":
        return this.#block(node);
      case "VariableDeclaration":
        return [this.#generic(node), this.#terminated(node)];
      case "ReturnStatement": {
        if (this.#fn.mode === "plain") return [this.#generic(node), this.#terminated(node)];
        const value: Piece = node.argument ? this.#expression(node.argument) : "undefined";
        return [`{${$}v=(`, value, `);break ${$}b}`];
      }
      case "WhileStatement":
      case "DoWhileStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "ForStatement":
        return this.#loop(node);
      case "SwitchStatement":
        return this.#scoped([lexicalNames(node.cases.flatMap((each: Node) => each.consequent))], () =>
          this.#generic(node),
        );
      case "SwitchCase": {
        const links: Piece[] = [];
        const pieces: Piece[] = [];
        const head: Piece = node.test ? ["case ", this.#expression(node.test), ":"] : "default:";
        for (const statement of node.consequent) {
          if (statement.type === "FunctionDeclaration") this.#declareFunction(statement, links, pieces);
          else pieces.push(this.#statement(statement), "\n");
        }
        return [head, ...links, ...pieces];
      }
      case "TryStatement":
        return this.#try(node);
      case "WithStatement":
        return this.#refuse("`with` is not supported", node.start);
      case "ClassDeclaration":
        return this.#class(node, undefined);
      case "ExpressionStatement":
      case "ThrowStatement":
      case "BreakStatement":
      case "ContinueStatement":
      case "DebuggerStatement":
        return [this.#generic(node), this.#terminated(node)];
      default:
        return this.#generic(node);
    }
  }

  /** Ours may begin with a parenthesis, before which no semicolon is inserted. */
  #terminated(node: Node): string {
    return this.#text[node.end - 1] === ";" ? "" : ";";
  }

  #block(node: Node, before: Piece = ""): Piece {
    return this.#scoped([lexicalNames(node.body)], () => ["{", before, this.#list(node.body), "}"]);
  }

  #fuel(): string {
    return `if(--${this.#p}S.fuel<0)${this.#p}.f();`;
  }

  #loop(node: Node): Piece {
    if (node.await) this.#refuse("`for await` is not supported, as in k6; await in the body of the loop", node.start);
    const scope = new Set<string>();
    const head: Node | undefined = node.type === "ForStatement" ? node.init : node.left;
    if (head?.type === "VariableDeclaration" && head.kind !== "var")
      for (const declarator of head.declarations) boundNames(declarator.id, scope);
    return this.#scoped([scope], () => {
      const body: Piece =
        node.body.type === "BlockStatement"
          ? this.#block(node.body, this.#fuel())
          : ["{", this.#fuel(), this.#statement(node.body), "}"];
      const replaced = new Map<Node, Piece>([[node.body, body]]);
      if (head?.type === "VariableDeclaration") replaced.set(head, this.#generic(head));
      else if (head && node.type !== "ForStatement") replaced.set(head, this.#target(head));
      return [this.#generic(node, replaced), node.type === "DoWhileStatement" ? this.#terminated(node) : ""];
    });
  }

  #try(node: Node): Piece {
    const $ = this.#p;
    // Who runs: known to a twin since it began, else asked.
    const here = this.#fn.mode === "plain" ? $ : `${$}h`;
    const pieces: Piece[] = ["try", this.#block(node.block)];
    if (node.handler) {
      const { param, body } = node.handler as Node;
      const names = boundNames(param, new Set());
      pieces.push(
        this.#scoped([names], (): Piece => {
          if (param === null) return [`catch(${$}e){${here}.c(${$}e);`, this.#block(body), "}"];
          if (param.type === "Identifier")
            return [`catch(${param.name})`, this.#block(body, `${here}.c(${param.name});`)];
          return [`catch(${$}e){${here}.c(${$}e);let `, this.#target(param), `=${$}e;`, this.#block(body), "}"];
        }),
      );
    }
    if (node.finalizer) pieces.push("finally", this.#block(node.finalizer, `${here}.e();`));
    return pieces;
  }

  // ── Expressions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Copies the text of the node with its children rewritten. */
  #generic(node: Node, replaced?: ReadonlyMap<Node, Piece>): Piece {
    const pieces: Piece[] = [];
    let at = node.start;
    for (const child of childrenOf(node)) {
      if (child.start < at) continue;
      const piece = replaced?.get(child) ?? this.#any(child, node);
      if (child.start > at) pieces.push({ start: at, end: child.start });
      pieces.push(piece);
      at = child.end;
    }
    if (at < node.end) pieces.push({ start: at, end: node.end });
    return pieces;
  }

  #any(node: Node, parent: Node): Piece {
    if (/Statement$|Declaration$|^SwitchCase$/.test(node.type)) return this.#statement(node);
    if (
      (node.type === "Identifier" || node.type === "PrivateIdentifier") &&
      (parent.type === "LabeledStatement" || parent.type === "BreakStatement" || parent.type === "ContinueStatement")
    )
      return range(node);
    return this.#expression(node);
  }

  #expression(node: Node): Piece {
    const $ = this.#p;
    switch (node.type) {
      case "Identifier":
        return this.#reference(node);
      case "Literal":
      case "TemplateElement":
      case "Super":
      case "PrivateIdentifier":
        return range(node);
      case "ThisExpression":
        return this.#fn.isStrict ? range(node) : `${$}.t(this)`;
      case "MemberExpression":
        return this.#member(node);
      case "ChainExpression":
        return this.#fn.mode !== "plain" && hasCallLink(node.expression)
          ? this.#chain(node.expression)
          : this.#generic(node);
      case "CallExpression":
        return this.#call(node);
      case "TaggedTemplateExpression":
        return this.#tagged(node);
      case "NewExpression":
        return this.#new(node);
      case "ImportExpression":
        return this.#refuse(
          "`import()` is not supported, as in k6; write an `import` at the head of the file",
          node.start,
        );
      case "AwaitExpression":
        if (this.#fn.mode === "plain") return this.#generic(node);
        return [
          { at: node.start },
          `(${this.#fn.mode === "twin" ? `${$}a=1,` : ""}${$}h.r(await ${$}co.wait(`,
          this.#expression(node.argument),
          ")))",
        ];
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return this.#function(node, undefined);
      case "ClassExpression":
        return this.#class(node, undefined);
      case "MetaProperty":
        if (node.meta.name === "import") return `${$}m`;
        return this.#fn.hidesNewTarget ? `${$}nt` : range(node);
      case "UnaryExpression":
        if (node.operator === "typeof" && node.argument.type === "Identifier") {
          const { name } = node.argument;
          if (this.#kindOf(name) === "unknown") return `typeof ${$}G.${name}`;
        }
        return this.#generic(node);
      case "UpdateExpression":
        return this.#generic(node, new Map([[node.argument, this.#target(node.argument)]]));
      case "AssignmentExpression": {
        const replaced = new Map<Node, Piece>([[node.left, this.#target(node.left)]]);
        if (node.left.type === "Identifier") replaced.set(node.right, this.#named(node.right, node.left.name));
        return this.#generic(node, replaced);
      }
      case "VariableDeclarator": {
        const replaced = new Map<Node, Piece>([[node.id, this.#target(node.id)]]);
        if (node.init && node.id.type === "Identifier") replaced.set(node.init, this.#named(node.init, node.id.name));
        return this.#generic(node, replaced);
      }
      case "ObjectExpression":
        return this.#generic(node);
      case "Property":
        return this.#property(node);
      case "ObjectPattern":
      case "ArrayPattern":
      case "AssignmentPattern":
      case "RestElement":
        return this.#target(node);
      default:
        return this.#generic(node);
    }
  }

  /** An anonymous function or class takes the name of what it is assigned to. */
  #named(node: Node, name: string, isLost = false): Piece {
    const inner = unparen(node);
    const isClass = inner.type === "ClassExpression" || inner.type === "ClassDeclaration";
    if ((!isFunction(inner) && !isClass) || inner.id) return this.#expression(node);
    if (isFunction(inner) && this.#needsTwin(inner)) return this.#function(inner, name);
    const piece = isClass ? this.#class(inner, name) : this.#plainFunction(inner);
    // Where the text of ours around it gives no name, or another.
    return isLost ? [`({${keyText(name)}:`, piece, `})[${JSON.stringify(name)}]`] : piece;
  }

  #kindOf(name: string): "local" | "import" | "intrinsic" | "global" | "unknown" {
    for (let index = this.#scopes.length - 1; index >= 0; index--) if (this.#scopes[index]!.has(name)) return "local";
    if (this.#shape.imports.has(name)) return "import";
    if (INTRINSICS.has(name)) return "intrinsic";
    return this.#globals.has(name) ? "global" : "unknown";
  }

  #reference(node: Node): Piece {
    const $ = this.#p;
    const name: string = node.name;
    switch (this.#kindOf(name)) {
      case "local":
      case "intrinsic":
        return range(node);
      case "import":
        return [{ at: node.start }, this.#imported(name)];
      case "global":
        return [{ at: node.start }, `${$}G.${name}`];
      case "unknown":
        return [{ at: node.start }, `(${$}.g(${JSON.stringify(name)}))`];
    }
  }

  #imported(local: string): string {
    const { index, name } = this.#shape.imports.get(local)!;
    const namespace = `${this.#p}i${index}.n`;
    return name === undefined
      ? namespace
      : /^[\w$]+$/.test(name)
        ? `${namespace}.${name}`
        : `${namespace}[${JSON.stringify(name)}]`;
  }

  /** What is assigned to or declared. */
  #target(node: Node): Piece {
    const $ = this.#p;
    switch (node.type) {
      case "Identifier":
        switch (this.#kindOf(node.name)) {
          case "local":
          case "intrinsic":
            return range(node);
          case "import":
            return this.#imported(node.name);
          case "global":
            return `${$}G.${node.name}`;
          case "unknown":
            return this.#fn.isStrict ? `${$}.d(${JSON.stringify(node.name)}).${node.name}` : `${$}G.${node.name}`;
        }
        break;
      case "ObjectPattern": {
        const replaced = new Map<Node, Piece>();
        for (const property of node.properties as Node[]) {
          if (property.type === "RestElement") replaced.set(property, ["...", this.#target(property.argument)]);
          else if (property.shorthand) {
            const name = property.value.type === "AssignmentPattern" ? property.value.left : property.value;
            const value = this.#target(property.value);
            replaced.set(property, this.#kindOf(name.name) === "local" ? value : [`${name.name}:`, value]);
          } else {
            const key: Piece = property.computed ? ["[", this.#expression(property.key), "]"] : range(property.key);
            replaced.set(property, [key, ":", this.#target(property.value)]);
          }
        }
        return this.#generic(node, replaced);
      }
      case "ArrayPattern": {
        const replaced = new Map<Node, Piece>();
        for (const element of node.elements) if (element) replaced.set(element, this.#target(element));
        return this.#generic(node, replaced);
      }
      case "AssignmentPattern": {
        const value =
          node.left.type === "Identifier" ? this.#named(node.right, node.left.name) : this.#expression(node.right);
        return [this.#target(node.left), "=", value];
      }
      case "RestElement":
        return ["...", this.#target(node.argument)];
    }
    return this.#expression(node);
  }

  #member(node: Node): Piece {
    if (node.property.type === "PrivateIdentifier") return this.#privateMember(node);
    if (node.computed) return this.#generic(node);
    return [this.#expression(node.object), { start: node.object.end, end: node.end }];
  }

  #privateMember(node: Node): Piece {
    const $ = this.#p;
    const { name } = node.property;
    if (node.optional || !this.#privates.some((names) => names.has(name)))
      return [this.#expression(node.object), { start: node.object.end, end: node.end }];
    if (node.object.type === "ThisExpression") return `${$}lk(this.#${name},this.#${name}${$}t)`;
    if (this.#fn.mode === "plain") return [this.#expression(node.object), { start: node.object.end, end: node.end }];
    const temp = this.#temp();
    return [`${$}lk((${temp}=`, this.#expression(node.object), `).#${name},${temp}.#${name}${$}t)`];
  }

  /** `self` and `callee` of a call, as two arguments of a call helper: the object is evaluated once. */
  #calleeOf(node: Node): { pieces: Piece; at: number } {
    const callee = unparen(node);
    if (callee.type !== "MemberExpression")
      return { pieces: ["undefined,", this.#expression(callee)], at: callee.start };
    const at = callee.computed ? callee.property.start : callee.property.start;
    const access = (self: string): Piece =>
      callee.computed
        ? [self, "[", this.#expression(callee.property), "]"]
        : [self, { start: callee.object.end, end: callee.end }];
    if (callee.object.type === "Super") return { pieces: ["this,", this.#member(callee)], at };
    if (
      callee.property.type === "PrivateIdentifier" &&
      this.#privates.some((names) => names.has(callee.property.name))
    ) {
      const { name } = callee.property;
      const temp = this.#temp();
      const $ = this.#p;
      this.#fn.temps--;
      return {
        pieces: [`${temp}=`, this.#expression(callee.object), `,${$}lk(${temp}.#${name},${temp}.#${name}${$}t)`],
        at,
      };
    }
    const { object } = callee;
    if (object.type === "ThisExpression" && this.#fn.isStrict) return { pieces: ["this,", access("this")], at };
    if (object.type === "Identifier" && this.#kindOf(object.name) === "local")
      return { pieces: [`${object.name},`, access(object.name)], at };
    // Used up before the arguments are evaluated, but not before a computed key is.
    const object_ = this.#expression(object);
    const temp = this.#temp();
    const pieces: Piece = [`${temp}=`, object_, ",", access(temp)];
    this.#fn.temps--;
    return { pieces, at };
  }

  #args(nodes: readonly Node[]): Piece[] {
    const pieces: Piece[] = [];
    for (const node of nodes) {
      if (pieces.length > 0) pieces.push(",");
      // In a tagged template it needs no parentheses.
      if (node.type === "SequenceExpression") pieces.push("(", this.#expression(node), ")");
      else pieces.push(this.#expression(node));
    }
    return pieces;
  }

  /** The call itself, and what is done with its outcome. */
  #outcome(at: number, callee: Piece, args: readonly Node[], extra: Piece[] = []): Piece {
    const $ = this.#p;
    const many = args.length + (extra.length > 0 ? 1 : 0) > 3 || args.some((arg) => arg.type === "SpreadElement");
    const given: Piece[] = [...extra];
    if (extra.length > 0 && args.length > 0) given.push(",");
    given.push(...this.#args(args));
    const count = args.length + (extra.length > 0 ? 1 : 0);
    const call: Piece = many
      ? [`${$}cm(`, callee, ",[", ...given, "])"]
      : [`${$}c${count}(`, callee, given.length > 0 ? "," : "", ...given, ")"];
    return ["(", { at }, call, { at }, this.#taken()];
  }

  #taken(): string {
    const $ = this.#p;
    return this.#fn.mode === "twin" ? `?${$}u():(${$}a=1,${$}h.r(await ${$}p())))` : `?${$}u():${$}h.r(await ${$}p()))`;
  }

  #call(node: Node): Piece {
    const callee = unparen(node.callee);
    if (callee.type === "Super" || callee.type === "Import") return this.#generic(node);
    if (callee.type === "Identifier" && callee.name === "eval" && this.#kindOf("eval") === "intrinsic")
      return this.#generic(node);
    if (this.#fn.mode === "plain") {
      if (callee.type !== "Identifier" || this.#kindOf(callee.name) === "local") return this.#generic(node);
      return this.#generic(node, new Map([[node.callee, ["(0,", this.#reference(callee), ")"]]]));
    }
    const { pieces, at } = this.#calleeOf(node.callee);
    return this.#outcome(at, pieces, node.arguments);
  }

  #tagged(node: Node): Piece {
    const $ = this.#p;
    if (this.#fn.mode === "plain") {
      if (node.tag.type !== "Identifier" || this.#kindOf(node.tag.name) === "local") return this.#generic(node);
      return this.#generic(node, new Map([[node.tag, ["(0,", this.#reference(node.tag), ")"]]]));
    }
    const { pieces, at } = this.#calleeOf(node.tag);
    const strings: Piece[] = [`${$}T\``];
    for (const [index, quasi] of (node.quasi.quasis as Node[]).entries()) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code.
      if (index > 0) strings.push("${0}");
      strings.push(range(quasi));
    }
    strings.push("`");
    return this.#outcome(at, pieces, node.quasi.expressions, strings);
  }

  #new(node: Node): Piece {
    const { callee } = node;
    const $ = this.#p;
    if (
      this.#fn.mode === "plain" ||
      callee.type !== "Identifier" ||
      callee.name !== "Promise" ||
      node.arguments.length !== 1 ||
      node.arguments[0].type === "SpreadElement"
    )
      return this.#generic(node);
    return [
      "(",
      { at: node.start },
      `${$}n(`,
      this.#expression(callee),
      ",",
      this.#expression(node.arguments[0]),
      ")",
      this.#taken(),
    ];
  }

  /** `a?.b(c).d`: links to the right of a `?.` are left out when it meets null or undefined. */
  #chain(node: Node): Piece {
    const temps = this.#fn.temps;
    const links: Node[] = [];
    let base: Node = node;
    while (base.type === "MemberExpression" || base.type === "CallExpression") {
      links.unshift(base);
      base = base.type === "MemberExpression" ? base.object : base.callee;
    }
    const guards: Piece[] = [];
    let closers = "";
    let value: Piece = base.type === "Super" ? range(base) : this.#expression(base);
    const guard = (guarded: Piece): string => {
      const temp = this.#temp();
      guards.push(`((${temp}=`, guarded, ")==null?undefined:");
      closers += ")";
      return temp;
    };
    for (let index = 0; index < links.length; index++) {
      const link = links[index]!;
      if (link.type === "CallExpression") {
        if (link.optional) value = guard(value);
        value = this.#outcome(link.callee.start, ["undefined,", value], link.arguments);
        continue;
      }
      if (link.optional) value = guard(value);
      const next = links[index + 1];
      const key: Piece = link.computed ? ["[", this.#expression(link.property), "]"] : [".", range(link.property)];
      if (next?.type !== "CallExpression") {
        value = [value, key];
        continue;
      }
      index++;
      const isSuper = base.type === "Super" && index === 1;
      const self = isSuper ? "this" : typeof value === "string" ? value : this.#temp();
      const object: Piece = isSuper ? value : self;
      const first: Piece = isSuper || typeof value === "string" ? self : [`${self}=`, value];
      const at = link.property.start;
      if (next.optional) {
        const callee = guard(isSuper || typeof value === "string" ? [object, key] : ["(", first, ")", key]);
        value = this.#outcome(at, `${self},${callee}`, next.arguments);
      } else value = this.#outcome(at, [first, ",", object, key], next.arguments);
    }
    this.#fn.temps = temps;
    return [...guards, value, closers];
  }

  #property(node: Node): Piece {
    if (node.shorthand) {
      const kind = this.#kindOf(node.value.name);
      return kind === "local" || kind === "intrinsic"
        ? range(node)
        : [`${node.key.name}:`, this.#reference(node.value)];
    }
    const isMethod = node.method || node.kind === "get" || node.kind === "set";
    if (isMethod && (node.kind !== "init" || !this.#needsTwin(node.value) || usesSuper(node.value))) {
      const value = this.#plainFunction(node.value);
      return this.#generic(
        node,
        new Map<Node, Piece>([
          [node.key, node.computed ? this.#expression(node.key) : range(node.key)],
          [node.value, value],
        ]),
      );
    }
    if (node.computed) {
      const inner = unparen(node.value);
      if (!isFunction(inner) || inner.id || !this.#needsTwin(inner) || this.#fn.mode === "plain")
        return isMethod
          ? this.#generic(node, new Map([[node.value, this.#plainFunction(node.value)]]))
          : this.#generic(node);
      const temp = this.#temp();
      const piece: Piece = [
        `[${temp}=`,
        this.#expression(node.key),
        "]:",
        this.#function(inner, { expression: temp }, isMethod),
      ];
      this.#fn.temps--;
      return piece;
    }
    const name = String(node.key.type === "Identifier" ? node.key.name : node.key.value);
    const value = isMethod ? this.#function(node.value, name, true) : this.#named(node.value, name);
    return [range(node.key), ":", value];
  }

  // ── Functions ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #needsTwin(node: Node): boolean {
    if (node.async && node.generator)
      this.#refuse("Async generators are not supported, as in k6; write an async function with a callback", node.start);
    return !node.generator && (node.async || hasCalls(node));
  }

  #hasStrictDirective(node: Node): boolean {
    return (
      node.body.type === "BlockStatement" &&
      node.body.body.some((statement: Node) => statement.directive === "use strict")
    );
  }

  #usesNewTarget(node: Node): boolean {
    return (
      node.type !== "ArrowFunctionExpression" &&
      uses(node, (inner) => inner.type === "MetaProperty" && inner.meta.name === "new")
    );
  }

  /** Parameters of the visible function: as many as give it the right `length`. */
  #placeholders(node: Node): string {
    const simple = (node.params as Node[]).findIndex(
      ({ type }) => type === "AssignmentPattern" || type === "RestElement",
    );
    const count = simple < 0 ? node.params.length : simple;
    return Array.from({ length: count }, (_, index) => `${this.#p}${index}`).join();
  }

  /** Where `toString` finds the source as written. */
  #marker(node: Node): string {
    return `/*${MARKER}${this.#fileId}:${node.start}:${node.end}*/`;
  }

  /**
   * A function as an expression: with a twin when it needs one.
   * @param name what it is called when it has no name: a text, or an expression that is evaluated then.
   */
  #function(node: Node, name: string | { readonly expression: string } | undefined, isMethod = false): Piece {
    if (!this.#needsTwin(node)) {
      const plain = this.#plainFunction(node);
      // Inside other text of ours the name would be inferred from nothing.
      return typeof name === "string" && !node.id && node.type === "FunctionDeclaration"
        ? [`({${keyText(name)}:`, plain, `})[${JSON.stringify(name)}]`]
        : plain;
    }
    const $ = this.#p;
    const factory = `${$}w${++this.#count}`;
    const isArrow = node.type === "ArrowFunctionExpression";
    const params = this.#placeholders(node);
    const marker = this.#marker(node);
    const newTarget = this.#usesNewTarget(node) ? ",new.target" : "";
    const strict = this.#isStrictFile ? "" : '"use strict";';
    const rest = params === "" ? `...${$}r` : `${params},...${$}r`;
    const code =
      isArrow || node.async || isMethod
        ? isArrow
          ? `=>{${marker}return ${$}s(${$}t,undefined,[${params}${params === "" ? "" : ","}...${$}r])}`
          : `{${strict}${marker}return ${$}s(${$}t,this,arguments)}`
        : `{${strict}${marker}return ${$}s(${$}t,this,arguments${newTarget})}`;
    const text: string | undefined = node.id?.name ?? (typeof name === "string" ? name : undefined);
    const dynamic = typeof name === "object";
    const key = text === undefined ? undefined : keyText(text);
    let visible: string;
    if (isArrow) {
      const arrow = `(${rest})${code}`;
      visible = dynamic
        ? `({[${$}n]:${arrow}})[${$}n]`
        : key === undefined
          ? arrow
          : `({${key}:${arrow}})[${JSON.stringify(text)}]`;
    } else if (node.async || isMethod) {
      visible = dynamic
        ? `({[${$}n](${params})${code}})[${$}n]`
        : `({${key ?? '""'}(${params})${code}})[${JSON.stringify(text ?? "")}]`;
    } else {
      const fn = `function(${params})${code}`;
      visible = dynamic
        ? `({[${$}n]:${fn}})[${$}n]`
        : key === undefined
          ? fn
          : `({${key}:${fn}})[${JSON.stringify(text)}]`;
    }
    this.#factories.push(`const ${factory}=(${$}t${dynamic ? `,${$}n` : ""})=>${$}l(${visible},${$}t);\n`);
    const id: string | undefined = node.type === "FunctionExpression" ? node.id?.name : undefined;
    const inner = id === undefined ? [] : [new Set([id])];
    const twin = this.#scoped(inner, () => this.#twin(node, undefined));
    if (
      id !== undefined &&
      new RegExp(`(?<![\\w$])${id.replaceAll("$", "\\$")}(?![\\w$])`).test(
        this.#text.slice(node.body.start, node.body.end),
      )
    )
      return [`(()=>{const ${id}=${factory}(`, twin, `);return ${id}})()`];
    return [`${factory}(`, twin, dynamic ? `,${name.expression}` : "", ")"];
  }

  #inFunction<T>(mode: Mode, node: Node, run: () => T): T {
    const outer = this.#fn;
    const isArrow = node.type === "ArrowFunctionExpression";
    this.#fn = {
      mode,
      isStrict: outer.isStrict || (isFunction(node) && this.#hasStrictDirective(node)),
      temps: 0,
      maxTemps: 0,
      hidesNewTarget: isArrow ? outer.hidesNewTarget : mode !== "plain",
    };
    const result = run();
    this.#fn = outer;
    return result;
  }

  #functionScopes(node: Node): Set<string>[] {
    const params = new Set<string>();
    for (const param of node.params) boundNames(param, params);
    if (node.type !== "ArrowFunctionExpression") params.add("arguments");
    if (node.body.type !== "BlockStatement") return [params];
    return [params, hoistedNames(node.body), lexicalNames(node.body.body)];
  }

  /** A function that cannot be suspended; its own text, with the functions within rewritten. */
  #plainFunction(node: Node): Piece {
    const scopes = this.#functionScopes(node);
    if (node.id) scopes.unshift(new Set([node.id.name]));
    return this.#inFunction("plain", node, () =>
      this.#scoped(scopes, () => {
        const replaced = new Map<Node, Piece>();
        if (node.id) replaced.set(node.id, range(node.id));
        for (const param of node.params) replaced.set(param, this.#target(param));
        if (node.body.type === "BlockStatement") replaced.set(node.body, this.#plainBody(node));
        return this.#generic(node, replaced);
      }),
    );
  }

  #plainBody(node: Node): Piece {
    const { directives, rest } = this.#directives(node.body.body);
    const fuel = !node.generator && hasCalls(node) ? this.#fuel() : "";
    return ["{", directives, fuel, this.#list(rest), "}"];
  }

  #directives(statements: readonly Node[]): { directives: Piece; rest: readonly Node[] } {
    const count = statements.findIndex((statement) => statement.directive === undefined);
    const end = count < 0 ? statements.length : count;
    return {
      directives: statements.slice(0, end).map((statement): Piece => [range(statement), ";"]),
      rest: statements.slice(end),
    };
  }

  /** The hidden twin: an async function, or for an async function one that starts a coroutine. */
  #twin(node: Node, name: string | undefined, methodKey?: string): Piece {
    const $ = this.#p;
    const isArrow = node.type === "ArrowFunctionExpression";
    const mode: Mode = node.async ? "async" : "twin";
    return this.#inFunction(mode, node, () =>
      this.#scoped(this.#functionScopes(node), () => {
        const params = node.params as Node[];
        const isSimple = params.every(
          (param) =>
            param.type === "Identifier" || (param.type === "RestElement" && param.argument.type === "Identifier"),
        );
        const heads: Piece[] = [];
        const prologue: Piece[] = [];
        for (const [index, param] of params.entries()) {
          if (index > 0) heads.push(",");
          if (isSimple) heads.push(range(param));
          else if (param.type === "RestElement") {
            heads.push(`...${$}q${index}`);
            prologue.push("var ", this.#target(param.argument), `=${$}q${index};`);
          } else {
            heads.push(`${$}q${index}`);
            if (param.type === "AssignmentPattern") {
              const value =
                param.left.type === "Identifier"
                  ? this.#named(param.right, param.left.name, true)
                  : this.#expression(param.right);
              prologue.push("var ", this.#target(param.left), `=${$}q${index}===undefined?`, value, `:${$}q${index};`);
            } else prologue.push("var ", this.#target(param), `=${$}q${index};`);
          }
        }
        const isBlock = node.body.type === "BlockStatement";
        const { directives, rest } = isBlock ? this.#directives(node.body.body) : { directives: "", rest: [] };
        const body: Piece = isBlock
          ? [this.#list(rest, true), `${$}v=undefined`]
          : [`${$}v=`, this.#expression(node.body)];
        const newTarget =
          !isArrow && this.#usesNewTarget(node) ? `const ${$}nt=${$}S.newTarget;${$}S.newTarget=undefined;` : "";
        const head: Piece =
          methodKey === undefined
            ? isArrow
              ? [node.async ? "" : "async ", "(", ...heads, ")=>"]
              : [node.async ? "" : "async ", `function${name === undefined ? "" : ` ${name}`}(`, ...heads, ")"]
            : [node.async ? "" : "async ", `${methodKey}(`, ...heads, ")"];
        const inside: Piece = [`;try{${this.#fuel()}`, ...prologue, `${$}b:{`, body, `}}catch(${$}e){`];
        if (!node.async)
          return [
            ...[head, "{", directives, newTarget, `let ${$}a=0,${$}v,${$}h=${$}S.thread`, this.#temps(), inside],
            `if(${$}a)throw ${$}e;${$}S.value=${$}e;${$}S.completed=2;return}return ${$}a?[${$}v]:${$}k(${$}v)}`,
          ];
        return [
          ...[
            head,
            "{",
            directives,
            newTarget,
            `return ${$}as(async(${$}co)=>{let ${$}v,${$}h=${$}S.thread`,
            this.#temps(),
            inside,
          ],
          `return ${$}co.fail(${$}e)}${$}co.done(${$}v)})}`,
        ];
      }),
    );
  }

  // ── Classes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #class(node: Node, name: string | undefined): Piece {
    const $ = this.#p;
    const members = node.body.body as Node[];
    const hasTwin = (member: Node): boolean =>
      member.type === "MethodDefinition" &&
      member.kind === "method" &&
      this.#needsTwin(member.value) &&
      !(member.computed && this.#fn.mode === "plain");
    const privates = new Set<string>();
    for (const member of members)
      if (hasTwin(member) && member.key.type === "PrivateIdentifier") privates.add(member.key.name);
    const temps = this.#fn.temps;
    const outer = this.#fn;
    // Class code is strict.
    this.#fn = { ...outer, isStrict: true };
    const strict = this.#fn;
    this.#privates.push(privates);
    const own: string = node.id?.name ?? `${$}C${++this.#count}`;
    const twins: string[] = [];
    const pieces: Piece[] = [];
    const scope = new Set([own]);
    this.#scoped([scope], () => {
      for (const member of members) {
        if (member.type === "StaticBlock") {
          pieces.push(
            this.#inFunction("plain", member, () =>
              this.#scoped([lexicalNames(member.body), hoistedNames(member)], () => [
                "static{",
                this.#list(member.body),
                "}",
              ]),
            ),
          );
          continue;
        }
        const isPrivate = member.key.type === "PrivateIdentifier";
        if (!hasTwin(member)) {
          pieces.push(this.#plainMember(member));
          continue;
        }
        const params = this.#placeholders(member.value);
        const marker = this.#marker(member);
        const isStatic = member.static ? "static " : "";
        if (isPrivate) {
          const hidden = `#${member.key.name}${$}t`;
          pieces.push(
            HIDDEN,
            `${isStatic}#${member.key.name}(${params}){${marker}return ${$}s(this.${hidden},this,arguments)}`,
            isStatic,
            this.#twin(member.value, undefined, hidden),
          );
          continue;
        }
        const index = twins.length;
        let key: Piece = range(member.key);
        let keyValue: string;
        if (member.computed) {
          const temp = this.#temp();
          key = [`[${temp}=`, this.#expression(member.key), "]"];
          keyValue = temp;
        } else keyValue = JSON.stringify(String(member.key.type === "Identifier" ? member.key.name : member.key.value));
        twins.push(`[${member.static},${keyValue}]`);
        pieces.push(
          `${isStatic}`,
          key,
          HIDDEN,
          `(${params}){${marker}return ${$}s(${own}.#${$}t[${index}],this,arguments)}`,
          isStatic,
          this.#twin(member.value, undefined, `[${$}y(${index})]`),
        );
      }
    });
    this.#privates.pop();
    outer.temps = strict.temps;
    outer.maxTemps = Math.max(outer.maxTemps, strict.maxTemps);
    const heritage: Piece = node.superClass ? [" extends ", this.#wrapped(node.superClass)] : "";
    const isNamed = node.id !== null && node.id !== undefined;
    const setup =
      twins.length > 0
        ? `static #${$}t=${$}cl(this,[${twins.join()}]${isNamed ? "" : `,${JSON.stringify(name ?? "")}`});`
        : "";
    const needsName = twins.length > 0 || isNamed;
    outer.temps = temps;
    return ["class ", needsName ? own : "", heritage, "{", setup, ...pieces, "}"];
  }

  /** `extends` takes a left-hand-side expression. */
  #wrapped(node: Node): Piece {
    return ["(", this.#expression(node), ")"];
  }

  #plainMember(member: Node): Piece {
    const replaced = new Map<Node, Piece>();
    replaced.set(member.key, member.computed ? this.#expression(member.key) : range(member.key));
    if (member.type === "MethodDefinition") {
      replaced.set(member.value, this.#plainFunction(member.value));
      return [this.#generic(member, replaced), "\n"];
    }
    if (member.value) {
      const name = member.computed ? undefined : memberName(member.key);
      replaced.set(
        member.value,
        this.#inFunction("plain", member, () =>
          this.#scoped([new Set(["arguments"])], () =>
            name === undefined ? this.#expression(member.value) : this.#named(member.value, name),
          ),
        ),
      );
    }
    return [this.#generic(member, replaced), this.#terminated(member), "\n"];
  }
}

/** What stands for no place of the source: visible functions, which only start their twins. */
const HIDDEN: Piece = { at: NOWHERE };

/** Stands in the text of visible functions before the range of their source. */
export const MARKER = "\u2063";

const range = (node: Node): Range => ({ start: node.start, end: node.end });

const memberName = (key: Node): string =>
  key.type === "PrivateIdentifier" ? `#${key.name}` : String(key.type === "Identifier" ? key.name : key.value);

/** A property key that sets the name of a function; `__proto__` would set the prototype. */
const keyText = (name: string): string => (name === "__proto__" ? '["__proto__"]' : JSON.stringify(name));

function declared(statement: Node): Node | undefined {
  if (statement.type === "ExportNamedDeclaration") return statement.declaration ?? undefined;
  if (statement.type === "ExportDefaultDeclaration")
    return statement.declaration.type === "FunctionDeclaration" ? statement.declaration : undefined;
  return statement;
}

/** Names of `var` only. */
function hoistedVariables(statement: Node): Set<string> {
  const names = new Set<string>();
  const walk = (node: Node): void => {
    if (node.type === "VariableDeclaration" && node.kind === "var")
      for (const declarator of node.declarations) boundNames(declarator.id, names);
    if (isFunction(node) || node.type === "ClassDeclaration" || node.type === "ClassExpression") return;
    if (/Statement$|Declaration$|^SwitchCase$|^CatchClause$/.test(node.type))
      for (const child of childrenOf(node)) walk(child);
  };
  walk(statement);
  return names;
}

function hasCallLink(node: Node): boolean {
  let link: Node = node;
  while (link.type === "MemberExpression" || link.type === "CallExpression") {
    if (link.type === "CallExpression") return true;
    link = link.object;
  }
  return false;
}

/** Whether something that belongs to this function (arrow functions in it included) is such a node. */
function uses(root: Node, matches: (node: Node) => boolean): boolean {
  const walk = (node: Node): boolean => {
    if (matches(node)) return true;
    if (node !== root && (node.type === "FunctionDeclaration" || node.type === "FunctionExpression")) return false;
    return childrenOf(node).some(walk);
  };
  return walk(root);
}

const usesSuper = (node: Node): boolean => uses(node, (inner) => inner.type === "Super");
