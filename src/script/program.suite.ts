/** Random programs around calls that block: every function is called, everything ends, what happens is logged. */
export function randomProgram(seed: number, options: { readonly withPlacesThatBlock: boolean }): string {
  return new Program(seed, options.withPlacesThatBlock).text();
}

interface Surroundings {
  readonly variables: readonly string[];
  readonly isAsync: boolean;
  readonly inLoop: boolean;
  readonly inFunction: boolean;
  /** Labels of loops around. */
  readonly labels: readonly string[];
}

class Program {
  #state: number;
  #names = 0;
  #functions: { readonly name: string; readonly isAsync: boolean }[] = [];

  /** Getters, constructors, generators …: where nothing can suspend. */
  readonly #withPlacesThatBlock: boolean;

  constructor(seed: number, withPlacesThatBlock: boolean) {
    this.#state = seed;
    this.#withPlacesThatBlock = withPlacesThatBlock;
  }

  /** mulberry32 */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #name(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  text(): string {
    const parts = ["let steps=0;const step=()=>{if(++steps>600)throw new Error('steps')};"];
    const count = 2 + this.#below(4);
    for (let index = 0; index < count; index++) parts.push(this.#function());
    const isAsync = this.#random() < 0.5;
    const surroundings: Surroundings = { variables: [], isAsync, inLoop: false, inFunction: true, labels: [] };
    parts.push(
      `exports.default=${isAsync ? "async " : ""}()=>{try{${this.#block(surroundings, 3)}}catch(e){log('end '+e.message)}log('over')}`,
    );
    return parts.join("\n");
  }

  #function(): string {
    const name = this.#name("f");
    const isAsync = this.#random() < 0.3;
    const variables = ["a", "b"];
    const surroundings: Surroundings = { variables, isAsync, inLoop: false, inFunction: true, labels: [] };
    const defaulted =
      this.#random() < 0.3 ? `b=${this.#expression({ ...surroundings, isAsync: false, variables: ["a"] }, 1)}` : "b";
    const params = this.#pick([`a,${defaulted}`, `a,${defaulted},...rest`, `a,{length:b}=${"'xy'"}`]);
    const body = `step();${this.#block(surroundings, 3)}${this.#random() < 0.6 ? `return ${this.#expression(surroundings, 2)}` : ""}`;
    const prefix = isAsync ? "async " : "";
    const text = this.#pick([
      () => `${prefix}function ${name}(${params}){${body}}`,
      () => `const ${name}=${prefix}(${params})=>{${body}};`,
      () => `const ${name}=${prefix}function(${params}){${body}};`,
      () => `const o${name}={${prefix}m(${params}){${body}}};const ${name}=(...x)=>o${name}.m(...x);`,
      () =>
        `class C${name}{${prefix}m(${params}){${body}}static s(...x){return new this().m(...x)}}const ${name}=(...x)=>C${name}.s(...x);`,
      () =>
        `class D${name}{${prefix}#m(${params}){${body}}m(...x){return this.#m(...x)}}const ${name}=new D${name}().m.bind(new D${name}());`,
    ])();
    this.#functions.push({ name, isAsync });
    return text;
  }

  #block(around: Surroundings, depth: number): string {
    const count = 1 + this.#below(3);
    let inside = around;
    const parts: string[] = [];
    for (let index = 0; index < count; index++) {
      if (this.#random() < 0.25) {
        const name = this.#name("v");
        parts.push(`${this.#pick(["let", "var"])} ${name}=${this.#expression(inside, 2)};`);
        inside = { ...inside, variables: [...inside.variables, name] };
      } else parts.push(this.#statement(inside, depth));
    }
    return parts.join("");
  }

  #statement(around: Surroundings, depth: number): string {
    const e = (level = 2): string => this.#expression(around, level);
    const simple = [
      () => `log(String(${e()}));`,
      () => `http.get(${e(1)});`,
      () =>
        around.variables.length > 0
          ? `${this.#pick(around.variables)}${this.#pick(["=", "+=", "??=", "||="])}${e()};`
          : `log('s');`,
      () => (this.#random() < 0.4 ? `throw new Error('t'+${e(1)});` : `log(${e(1)});`),
      () => (around.inFunction && this.#random() < 0.5 ? `return ${this.#pick(["", `${e(1)},`])}${e()};` : `sleep(1);`),
      () => (around.inLoop ? this.#pick(["break;", "continue;"]) : `log('n');`),
      () =>
        around.labels.length > 0 ? `${this.#pick(["break", "continue"])} ${this.#pick(around.labels)};` : `log('l');`,
      () => `Promise.resolve(${e(1)}).then((p)=>{http.get('then');log('then '+p)}).catch(()=>log('c'));`,
      () => `setTimeout(()=>{log('timer');http.get('in timer')},0);`,
    ];
    if (depth === 0) return this.#pick(simple)();
    const nested = (more: Partial<Surroundings> = {}): string => this.#block({ ...around, ...more }, depth - 1);
    const loop = (label: string): Partial<Surroundings> => ({ inLoop: true, labels: [...around.labels, label] });
    return this.#pick([
      ...simple,
      () => `if(${e(1)}){${nested()}}else{${nested()}}`,
      () => {
        const [label, name] = [this.#name("L"), this.#name("i")];
        return `${label}:for(let ${name}=0;${name}<${1 + this.#below(3)};${name}++){step();${nested(loop(label))}}`;
      },
      () => {
        const [label, name] = [this.#name("L"), this.#name("x")];
        const variables = [...around.variables, name];
        return `${label}:for(${this.#pick(["const", "let", "var"])} ${name} of [${e(1)},${e(1)}]){step();${this.#block({ ...around, ...loop(label), variables: name.startsWith("x") ? around.variables : variables }, depth - 1)}log(${name})}`;
      },
      () => {
        const [label, name] = [this.#name("L"), this.#name("w")];
        return `{let ${name}=0;${label}:while(${name}++<2){step();${nested(loop(label))}}}`;
      },
      () => `try{${nested()}}catch(e){log('caught '+e.message);${nested()}}`,
      () => `try{${nested()}}finally{log('finally');${nested()}}`,
      () => `try{${nested()}}catch{${nested()}}finally{log('fin');${nested()}}`,
      () => `switch(${e(1)}){case ${e(1)}:{${nested()}}default:{${nested()}}}`,
      () => `{${nested()}}`,
    ])();
  }

  #expression(around: Surroundings, depth: number): string {
    const simple = [
      () => String(this.#below(4)),
      () => `'${this.#pick(["p", "q", ""])}'`,
      () => `http.get('${this.#pick(["u", "v", "w"])}').url`,
      () => (around.variables.length > 0 ? this.#pick(around.variables) : "null"),
    ];
    if (depth === 0) return this.#pick(simple)();
    const e = (): string => this.#expression(around, depth - 1);
    const call = (): string => {
      if (this.#functions.length === 0) return "http.post('z').url";
      const { name, isAsync } = this.#pick(this.#functions);
      const text = `${name}(${this.#pick(["", e(), `${e()},${e()}`, `...[${e()},${e()}]`])})`;
      return isAsync && around.isAsync && this.#random() < 0.8
        ? `await ${text}`
        : isAsync
          ? `(${text}.catch(()=>log('rejected')),1)`
          : text;
    };
    const arrow = (body: string): string => `(m)=>${body}`;
    const plain: Surroundings = { ...around, isAsync: false };
    if (this.#withPlacesThatBlock && this.#random() < 0.25) {
      const inside = this.#expression(plain, depth - 1);
      return this.#pick([
        `new (class{constructor(){this.v=${inside}}})().v`,
        `new (class{v=${inside}})().v`,
        `({get v(){return ${inside}}}).v`,
        `[...(function*(){yield ${inside};yield 1})()].join()`,
        `\`\${{toString(){return 's'+${inside}}}}\``,
        `new Proxy({},{get(t,k){return ${inside}}}).any`,
        `new (function(){this.v=${inside}})().v`,
        `[2,1].toString.call({join:()=>${inside}})`,
      ]);
    }
    return this.#pick([
      ...simple,
      call,
      call,
      () => `(${e()}+${e()})`,
      () => `(${e()}${this.#pick(["&&", "||", "??"].slice(0, 2))}${e()})`,
      () => `(${e()}?${e()}:${e()})`,
      () => `[${e()},${e()}].map(${arrow(`m+${this.#expression(plain, depth - 1)}`)}).join()`,
      () => `[${e()},2].filter(${arrow(`http.get(m).url&&${this.#expression(plain, depth - 1)}`)}).length`,
      () => `[3,1,2].sort((p,q)=>(http.get('s'),p-q))[0]`,
      () => `'a-b'.replace(/[ab]/g,${arrow(this.#expression(plain, depth - 1))})`,
      () => `\`<\${${e()}}|\${${e()}}>\``,
      () => `({k:${e()},n:null})?.k`,
      () => `({f(x){return x+${this.#expression(plain, depth - 1)}}}).f?.(${e()})`,
      () => `((${e()},${e()}))`,
      () => `(()=>{${this.#block({ ...plain, inLoop: false, labels: [] }, 1)}})()`,
      () => `check(${e()},{a:(m)=>${this.#expression(plain, depth - 1)},b:true})`,
      () => `group('g',()=>${this.#expression(plain, depth - 1)})`,
      () => (around.isAsync ? `await ${e()}` : e()),
      () =>
        around.isAsync
          ? `(await Promise.all([${e()},(async()=>{await null;return ${this.#expression({ ...around, isAsync: true }, depth - 1)}})()])).join()`
          : e(),
    ])();
  }
}
