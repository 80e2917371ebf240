// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code.
import { describe, expect, it } from "vitest";
import { asWritten, natives } from "./natives.suite.ts";
import { openScript } from "./open-script.ts";

/** Forms of the language around calls that suspend: each logs what it logs as written. */
const FORMS: Record<string, string> = {
  "evaluation order": `exports.default=()=>{let i=0;const o={get f(){log('get f');return (...a)=>{http.get('f');return a.join()}}};
    const k=(x)=>{log('k'+x);http.get('k');return x};log(o[(k('a'),'f')](i++,i++,k(i)));
    const a=[k(1),k(2)];a[k(0)]+=k(5);log(a.join());log(k(1)+k(2)*k(3));const t=k(0)||k('or');log(t);log(k(null)??k('nn'));log(k(1)?k('y'):k('n'))}`,
  "compound assignment": `exports.default=()=>{const o={x:1,y:null};o.x+=http.get('a').status;log(o.x);o.y??=http.get('b').url;log(o.y);o.y&&=http.get('c').url;log(o.y);let s='';s+=http.get('d').url+s;log(s);o[http.get('kk').url]=http.get('vv').url;log(JSON.stringify(o))}`,
  destructuring: `exports.default=()=>{const [a,b=http.get('b').url,...r]=[1,undefined,3,4];log([a,b,r].join());let x,y;[x,y]=[http.get('x').url,http.get('y').url];log(x+y);({x,z:y='d'+http.get('q').url}={x:5});log(x+y);
    const {m:{n=http.get('n').url}={}}={};log(n);for(const {u,v=http.get('v').url} of [{u:1},{u:2,v:3}])log(u+v);for(const [k,v] of Object.entries({a:1}))log(k+v);function f({a,b:[c]=[http.get('c').url]}={},...{length}){return [a,c,length].join()}log(f({a:1},2,3));log(f());log(f.length);
    try{f(null)}catch(e){log(e instanceof TypeError)}}`,
  parameters: `exports.default=()=>{const f=(a,b=a+http.get('x').url,c=()=>a+b)=>{a+='!';return c()+b};log(f(1));log(f(1,2));log(f.length);function g(a,{b}={b:http.get('g').url},...c){return a+b+c.length+arguments.length}log(g(1));log(g(1,{b:2},3,4));
    function h(a){arguments[0]=http.get('h').url;return arguments[0]+arguments.length}log(h(1,2));const named=(p=()=>1,q=function(){http.get('q')},r=class{})=>p.name+q.name+r.name+http.get('n').url;log(named());class K{m(a=this.d()){return a} d(){return http.get('d').url}}log(new K().m());log(new K().m(3))}`,
  "return in finally": `function f(){try{return http.get('a').url}finally{log('fin');http.get('b')}}function g(){try{throw 1}catch{return http.get('c').url}finally{return 'over'}}function h(){for(const x of [1,2]){try{return x}finally{break}}}
    function i(){while(true){try{return http.get('z').url}finally{http.get('q');continue_();break}}return 'fell'}function continue_(){log('c')}exports.default=()=>{log(f());log(g());log(String(h()));log(i())}`,
  "return out of for-of closes the iterator": `function it(){let i=0;return{[Symbol.iterator](){return this},next(){return{done:i>=3,value:i++}},return(){log('closed');return{}}}}function f(){for(const x of it()){http.get('i');if(x===1)return http.get('r').url}}function g(){for(const x of it()){if(http.get('q').status)break}return 'b'}
    exports.default=()=>{log(f());log(g())}`,
  "labels and loops": `exports.default=()=>{a:{log('in');if(http.get('x').status)break a;log('never')}let i=0;do{i+=http.get('d').status/200}while(i<3);log(i);for(let j=http.get('j').status,k=0;k<2;k++,j++)log(j);for(const k in {p:1,q:2})log(k+http.get(k).url);
    const fs=[];for(let n=0;n<3;n++)fs.push(()=>http.get('n'+n).url+n);log(fs.map(f=>f()).join());o:while(true){switch(http.get('s').status){case 1:log('no');case 200:{log('s200');break o}default:log('d')}}}`,
  "closures per iteration": `exports.default=()=>{const fs=[];for(const x of ['a','b']){let y=http.get(x).url;fs.push(()=>{y+=http.get('+').url;return y})}log(fs.map(f=>f()+f()).join())}`,
  hoisting: `exports.default=()=>{log(f());function f(){return http.get('h').url+g()}function g(){return 'g'+v}var v='late';log(typeof later);{function later(){return http.get('l').url}log(later())}var f2=1;log(typeof f2)}`,
  "functions and var of one name": `exports.default=()=>{var f;log(typeof f);function f(){return http.get('x').url}log(f());function f(){return 'second'+http.get('y').url}log(f());var f=5;log(f)}`,
  commas: `function f(e,t){return(e=e.slice()).push(t),http.get('c'),e}const g=e=>(http.get('d'),e);exports.default=()=>{for(log('i'),http.get('x');;){if(http.get('y'),true)break}const t=(s,...v)=>{http.get('t');return v.join()};log(f([1],2).join()+g(3)+t\`\${1,2}\`);switch(1,2){case 1,2:log('two')}log([1,2][http.get('z'),1]);while(http.get('w'),false);try{throw log('q'),http.get('e'),new Error('m')}catch(e){log(e.message)}}`,
  names: `const a=()=>http.get('a'),b=function(){return http.get('b')},c=function named(){return http.get('c')};const o={d(){return http.get('d')},e:()=>http.get('e'),['f'+1]:()=>http.get('f'),get g(){return 1},'h-i'(){return http.get('h')},async j(){},k:async()=>{}};class L{m(){return http.get('m')} static n(){return http.get('n')} o=()=>http.get('o')}
    let p;p=()=>http.get('p');const {q=()=>http.get('q')}={};exports.default=()=>{log([a,b,c,o.d,o.e,o.f1,o['h-i'],o.j,o.k,L,new L().m,L.n,new L().o,p,q,class{},class X{},class{z(){http.get('z')}}].map(f=>f.name+':'+f.length).join())}`,
  "default names": `const f=(a,b)=>http.get(a+b);exports.default=()=>{log(f.hasOwnProperty('prototype')+','+typeof (function(){http.get('x')}).prototype+','+typeof ({m(){http.get('x')}}).m.prototype);try{new f}catch(e){log(e.name)}try{new ({m(){http.get('x')}}).m}catch(e){log(e.name)}}`,
  constructing: `function P(x){if(!new.target)return new P(x);this.x=x;this.k=()=>new.target===P}P.prototype.get=function(){return http.get(this.x).url};function Q(){P.call(this,'q')}Q.prototype=Object.create(P.prototype);Q.prototype.constructor=Q;
    function R(){http_();return {own:1}}function http_(){}exports.default=()=>{log(P('a').get());log(new P('b').get());log(P('c').k());log(new Q().get());log(new R().own);log(new Q instanceof P);log(Reflect.construct(P,['d'],Q) instanceof Q)}`,
  classes: `const key='dyn';class A{#p='priv';static #count=0;static s=A.mk();f=this.#p+'f';constructor(x){this.x=x;A.#count++}get v(){return this.x+'!'}set v(n){this.x=n}#secret(a){return http.get(this.#p+a).url}reveal(){return this.#secret('1')}borrow(){const m=this.#secret;return [1,2].map((n)=>this.#secret(n)).join()+m.call(this,'z')}has(o){return #p in o}
    [key+'Method'](){return http.get(key).url}async later(){return http.get('l').url}*gen(){yield this.x}static mk(){return 'mk'}static #inner(x){return http.get(x).url+this.name}static async #later(){await null;return http.get('sl').url}static async both(){const f=A.#inner;return A.#inner('si')+await A.#later()+[1].map((x)=>this.#inner(x))+f.call(A,2)}static count(){return A.#count+http.get('c').url}static{this.blk='blk'}}
    class B extends A{constructor(){super('b');this.y=1}reveal(){return 'B'+super.reveal()+super.v}get v(){return super.v+'?'}static count(){return 'B'+super.count()}arrow(){return (()=>super.reveal())()}}
    exports.default=async()=>{const b=new B();log(b.reveal());log(b.v);b.v='n';log(b.x);log(b.arrow());log(b.borrow());log(b.dynMethod());log(await b.later());log(await A.both());log([...b.gen()].join());log(B.count());log(A.s+A.blk+b.f+b.has(b)+b.has({}));log(Object.getOwnPropertyNames(A.prototype).join());log(Object.getOwnPropertySymbols(A.prototype).length+Reflect.ownKeys(A).join())}`,
  "class expressions": `const mixin=(Base,tag)=>class extends Base{who(){return tag+http.get('w').url+(super.who?super.who():'')}};exports.default=()=>{const C=mixin(mixin(class{},'1'),'2');log(new C().who());const list=[];for(const t of ['x','y'])list.push(class{static t=t;me(){return t+http.get('m').url}});log(list.map(K=>new K().me()+K.t).join());const D=class Inner{self(){return Inner.name+http.get('i').url}};log(new D().self());log(typeof Inner)}`,
  "object methods with super": `const base={hi(){return 'base'+http.get('h').status}};const o={__proto__:base,n:0,plain(){return this.n+http.get('p').url}};exports.default=()=>{log(o.hi()+o.plain())}`,
  "optional chaining": `const o={a:{b(x){return {c:x+http.get('b').url,d:()=>this.z+http.get('d').url}},z:'Z'},n:null,f(){return this===o}};o.a.b=o.a.b.bind(o.a);exports.default=()=>{log(o?.a?.b('1').c);log(o.a?.b('2')?.d());log(String(o.n?.b(log('never')).c.d.e));log(String(o.x?.()));log(o?.f?.());log(o?.['f']());log(String(o.a?.['q']?.(1)));log(String(o.n?.[log('no')]));log((o?.a).b('3').c);log(o.a?.b?.('4')?.c?.length);const u=undefined;log(String(u?.x.y.z()));log(delete o?.a?.zz)}`,
  spread: `const f=(...a)=>{http.get('f');return a.length+':'+a.join()};exports.default=()=>{const xs=[1,2];log(f(...xs));log(f(0,...xs,3,...[http.get('s').url]));log(Math.max(...xs,http.get('m').status));log([...xs,...f(1)].join());log(JSON.stringify({...{a:http.get('o').url},b:1}));log(new Array(...xs,f(2)).length)}`,
  "tagged templates":
    "const seen=new Set();function t(s,...v){seen.add(s);http.get('t');return s.raw.join('|')+v.join()}const o={p:'P',t(s,v){return this.p+s[0]+v+http.get('x').url}};exports.default=()=>{for(let i=0;i<2;i++)log(t`a${i}\\n${http.get('v').url}b`);log(seen.size);log(o.t`q${1}`);log(`${http.get('in').url}-${[1].map(x=>`${x}${http.get('n').url}`)}`)}",
  "generators stay generators": `function*g(n){const r=yield n;log('got '+r);try{yield* inner()}finally{log('fin')}return 9}function*inner(){yield 'i'}exports.default=()=>{const it=g(1);log(it.next().value);log(it.next('r').value);log(JSON.stringify(it.return(5)));log([...g(2)].join());for(const x of g(3)){http.get('b');log(x)}const o={*m(){yield* [1,2]}};log([...o.m()].map(x=>http.get(x).url).join())}`,
  "async order": `const a=async(n)=>{log(n+'1');await 0;log(n+'2');http.get(n);log(n+'3');await null;log(n+'4');return n};exports.default=async()=>{const p=a('p'),q=a('q');log('main');log((await Promise.all([p,q])).join());const r=await Promise.race([a('r'),a('s')]);log(r);log((await Promise.allSettled([a('t'),Promise.reject(new Error('no'))])).map(x=>x.status).join());log(await Promise.any([Promise.reject(1),a('u')]));try{await Promise.any([Promise.reject(1)])}catch(e){log(e.constructor.name+e.errors)}}`,
  "promise semantics": `exports.default=async()=>{const order=[];const l=x=>order.push(x);Promise.resolve().then(()=>l(1)).then(()=>l(2)).then(()=>l(3));Promise.resolve(Promise.resolve()).then(()=>l('a'));new Promise(r=>r({then(f){l('th');f('v')}})).then(v=>l(v));(async()=>{await undefined;l('w');return Promise.resolve()})().then(()=>l('x'));(async()=>{try{await Promise.reject('e')}catch(e){l(e)}})();for(let i=0;i<8;i++)await null;log(order.join());
    log(await Promise.resolve(1).finally(()=>http.get('f').url));try{await Promise.reject(2).finally(()=>{http.get('g')})}catch(e){log(e)}log(String(Promise.resolve(1))+(Promise.resolve(1) instanceof Promise)+Promise.name);class My extends Promise{}const m=My.resolve(3);log((m instanceof My)+','+(m.then(x=>x) instanceof My)+','+await m.then(x=>x+1));const p=Promise.resolve(5);log(Promise.resolve(p)===p);const c=new Promise((r,j)=>{r(1);j(2);r(3)});log(await c);const self={};self.p=new Promise(r=>setTimeout(()=>r(self.p),0));await self.p.catch(e=>log(e.constructor.name))}`,
  "promises whose executor blocks": `exports.default=async()=>{log(await new Promise((res,rej)=>{const r=http.get('ex').url;res(r)}));await new Promise(()=>{http.get('a');throw new Error('ex')}).catch(e=>log(e.message));log(await new Promise(r=>[1,2].forEach(x=>{http.get('z');r(x)})))}`,
  "then with blocking": `exports.default=()=>Promise.resolve(1).then(x=>{http.get('a');return Promise.resolve(x+1).then(y=>{http.get('b');return y+1})}).then(x=>{log(x);throw new Error('t')}).catch(e=>{http.get('c');log(e.message);return 'r'}).finally(()=>{log('f');http.get('d')}).then(log)`,
  thenables: `exports.default=async()=>{const t={then(res){log('then');http.get('x');res('v')}};log(await t);log((await Promise.all([t,1])).join());const bad={get then(){throw new Error('getter')}};try{await bad}catch(e){log(e.message)}}`,
  "array methods": `const b=(f)=>(...a)=>{http.get('cb');return f(...a)};exports.default=()=>{const a=[5,1,4,,2];log(a.map(b(x=>x*2)).length);log(a.map(b(x=>x)).indexOf(undefined));log(a.filter(b(x=>x>1)).join());log(String(a.find(b(x=>x===undefined))));log(a.findIndex(b(x=>x===4))+','+a.findLast(b(x=>x<3))+','+a.findLastIndex(b(x=>x>4)));log(a.reduce(b((s,x)=>s+x))+','+a.reduceRight(b((s,x)=>s+'-'+x)));try{[].reduce(b(x=>x))}catch(e){log(e.name+e.message)}
    log(a.some(b(x=>x>4))+','+a.every(b(x=>x>0)));log([...a].sort(b((x,y)=>x-y)).join());log([3,1,2].toSorted(b((x,y)=>y-x)).join());log([[1],[2,[3]]].flatMap(b(x=>x)).length);a.forEach(b(function(x){log(this.t+x)}),{t:'T'});log(Array.from('abc',b((c,i)=>c+i)).join());log(Array.from({length:2},b((_,i)=>i)).join());class L extends Array{}log(L.from([1]).map(b(x=>x)) instanceof L);log([1,2,3].map(b((x,i,all)=>all.length+i)).join());log(Uint8Array.of(1,2).map(b(x=>x*200)).join());log(Array.prototype.map.call('ab',b(x=>x+x)).join());const g=[1];g.forEach(b(x=>{if(g.length<3)g.push(x+1)}));log(g.join())
    log([{n:'b',i:0},{n:'a',i:1},{n:'b',i:2},{n:'a',i:3}].sort(b((p,q)=>p.n<q.n?-1:p.n>q.n?1:0)).map(x=>x.n+x.i).join())}`,
  "map, set, string, JSON": `exports.default=()=>{const m=new Map([[1,2]]);m.forEach(function(v,k,all){log(this.x+v+k+all.size+http.get('m').url);if(all.size<3)all.set(k+1,v+1)},{x:'X'});log('x-1-y'.replace(/(\\w)-(?<d>\\d)/,(w,a,d,off,s,g)=>[w,a,d,off,s,g.d,http.get('r').url].join('/')));log('aXbX'.replaceAll('X',(m,o)=>o+http.get('q').url));log('abc'.replace('b',()=>'$&'+http.get('z').url));log(JSON.stringify({a:[1,{b:2}],c:undefined,d:new Date(0),e:()=>1},(k,v)=>{http.get('s');return typeof v==='number'?v+1:v},1));log(JSON.stringify(JSON.parse('{"a":[1,2],"b":null}',function(k,v){http.get('p');return Array.isArray(this)?v*2:v})));log(JSON.stringify([1,2],['a']));log('aa'.replace(/a/g,http.get('lit').url))}`,
  "call, apply, bind, Reflect": `function f(a,b){return this.t+a+b+http.get('f').url}exports.default=()=>{log(f.call({t:1},2,3));log(f.apply({t:1},[2,3]));log(f.bind({t:1},2)(3));log(f.bind({t:1}).bind(null,8)(9));log(Reflect.apply(f,{t:1},[4,5]));const call=Function.prototype.call;log(call.call(f,{t:6},7,8));log([1,2].map(f,{t:'m'}).join());const bound=f.bind({t:0});log(bound.name+bound.length);log(Math.max.apply(null,[1,http.get('x').status]));const slice=Function.prototype.call.bind(Array.prototype.slice);log(slice([1,2,3],1).join())}`,
  errors: `class MyErr extends Error{constructor(m){super(m);this.name='MyErr'}}function f(){http.get('x');throw new MyErr('m')}exports.default=()=>{try{f()}catch(e){log((e instanceof MyErr)+e.name+e.message)}try{http.get('THROW')}catch({message}){log(message)}try{null.x()}catch(e){log(e.constructor.name)}try{undefined_()}catch(e){log(e.name+e.message)}const o={};try{o.nope.deep()}catch(e){log(e.message)}try{try{http.get('THROW')}finally{log('f1')}}catch(e){log(e.message)}let n=0;function rec(){n++;return rec()+http.get('r')}try{rec()}catch(e){log((e instanceof RangeError)+','+(n>100))}log(typeof http.get)}`,
  "not a function": `const o={a:{}};const nf=3;exports.default=()=>{for(const g of [()=>o.a.b(),()=>nf(),()=>o.a['c'](1),()=>(void 0)(),()=>new o.a.b(),()=>o?.a.zip()])try{g()}catch(e){log(e.constructor.name)}}`,
  recursion: `const fib=(n)=>n<2?http.get(n).status/200:fib(n-1)+fib(n-2);const even=(n)=>n===0?true:odd(n-1),odd=(n)=>n===0?http.get('o')&&false:even(n-1);exports.default=()=>{log(fib(8));log(even(101));const fact=function self(n){return n<=1?1:n*self(n-1)+0*http.get('x').status};log(fact(6))}`,
  this: `exports.default=()=>{const o={n:'o',a(){return [1].map(()=>this.n+http.get('a').url)[0]},b(){return (function(){'use strict';return String(this)})()},c(){return http.get('c')&&(()=>(()=>this.n)())()}};log(o.a()+o.b()+o.c());const {a}=o;try{a()}catch(e){log('E')}log((0,o.c)===o.c)}`,
  "sloppy code": `exports.default=function(){undeclared_=5;log(undeclared_);log(typeof globalThis.undeclared_);(function(){log(this===globalThis);http.get('x')})();var o={f:function(){return arguments.callee===undefined}};log(010);delete o.f;log(typeof o.f);if(true){function inner(){return http.get('i').url}}log(inner())}`,
  "getters and setters around": `const o={_v:1,get v(){return this._v},set v(x){this._v=x}};exports.default=()=>{o.v=http.get('a').status;log(o.v);o.v+=http.get('b').status;log(o.v);o.v++;log(o.v);const d={get [http.get('k').url](){return 'dyn'}};log(d.k)}`,
  "comma, void, typeof, in, instanceof, delete": `exports.default=()=>{log((http.get('a'),http.get('b').url));log(String(void http.get('c')));log(typeof http.get('d'));const o={x:1};log(http.get('x').url in o);log(delete o[http.get('x').url]);log('x' in o);log(http.get('e') instanceof Object);log(!http.get('f')+''+-http.get('g').status);log(\`\${typeof nothing_}\`)}`,
  "semicolons left out": `const a = http.get('a')
const b = a
;[1, 2].forEach((x) => log(x + http.get('i').url))
exports.default = () => {
  let c = b
  http.get('c')
  let i = 1
  log(i)
  ++i
  log(i)
  const f = () => http.get('f').url
  f()
  log(f())
  if (i) http.get('x')
  else log('no')
  do log(i--)
  while (i > http.get('w').status - 199)
  return
  log('never')
}`,
  "comments everywhere": `/* a */exports.default=/* b */()=>{// c
    const r=http/* d */./* e */get(/* f */'x'/* g */)// h
    log(r.url)/* i */;log(/* j */http.get('y')/* k */.url)
    return/* l */ http.get('z')// m
  }`,
  timers: `exports.default=()=>new Promise((done)=>{const id=setInterval((x)=>{log('i'+x+http.get('t').url);if(++n===3){clearInterval(id);setTimeout(()=>{log('end');done()},0)}},1,'A');let n=0;const never=setTimeout(()=>log('never'),0);clearTimeout(never);setTimeout((...a)=>log(a.join()),0,1,2)})`,
  "functions as values": `const ops={add:(a,b)=>http.get('x').status+a+b};const pick=(n)=>ops[n];const compose=(...fs)=>(x)=>fs.reduceRight((v,f)=>f(v),x);exports.default=()=>{log(pick('add')(1,2));log(compose(x=>x+http.get('a').url,x=>x*2)(4));log([...'ab'].map(((p)=>(c)=>p+c+http.get(c).url)('P')).join());const memo={};const m=(k)=>memo[k]||(memo[k]=http.get(k).url);log(m('k')+m('k'));log((function(){return http.get('iife').url})());log((()=>http.get('arrow').url)());(async()=>{log('async '+http.get('as').url)})()}`,
  "proxies of functions": `const f=new Proxy((x)=>'p'+x,{apply(t,s,a){return t(...a)+'!'}});exports.default=()=>{log(f(1));log([1].map(f).join());const o=new Proxy({a:(x)=>http.get(x).url},{});log(o.a('q'))}`,
  "arguments in arrows": `function f(){const g=()=>arguments[0]+http.get('g').url;return g('inner')}exports.default=()=>{log(f('outer'))}`,
  "await in places": `const v=async x=>x;exports.default=async()=>{log((await v(1))+(await v(2)));for(const x of [await v(3),await v(4)])log(await v(x));const o={[await v('k')]:await v('val')};log(o.k);log(await (await v(v))(5));const {z=await v('dz')}={};log(z);if(await v(true))log('t');switch(await v(2)){case await v(2):log('sw')}try{await Promise.reject(new Error('r'))}catch(e){log(await v(e.message))}finally{log(await v('fin'))}let n=0;while(await v(n<2))n++;log(n);log(await (async()=>{for(;;){if(await v(n++>4))return n}})());log(\`\${await v('tpl')}\`);a:for(const q of [1,2,3]){for(const w of [1,2]){if(await v(w===2))continue a;if(q===3)break a;log(q*10+w)}}return}`,
  "async methods and arrows": `const o={async m(x){const r=http.get(x).url;await 1;return this.n+r},n:'N',a:async(x)=>{await http.get(x);return [].concat(await x).length}};class K{static async s(){return (await Promise.all([1,2].map(async(i)=>{await null;return http.get(i).url}))).join()}}
    exports.default=async()=>{log(await o.m('q'));log(await o.a('z'));log(await K.s());const t=async()=>{throw new Error('async throw')};await t().catch(e=>log(e.message));try{await (async({a})=>a)()}catch(e){log(e.constructor.name)}const f=async(x=http.get('def').url)=>x;log(await f());log(f() instanceof Promise)}`,
};

describe("the language around calls that suspend", () => {
  it.each(Object.entries(FORMS))("%s", async (_name, body) => {
    const expected = await asWritten(body);
    expect(expected).not.toEqual([]);
    const script = await openScript({
      entry: "/form.js",
      source: body,
      readFile: (path) => {
        throw new Error(`reads ${path}`);
      },
      ours: () => undefined,
      globals: natives,
    });
    const logs = await Promise.all(
      [1, 2].map(async (id) => {
        const host = { log: [] as string[] };
        const user = await script.createUser(id, host);
        await user.call("default", []);
        return host.log;
      }),
    );
    expect(logs[0]).toEqual(expected);
    expect(logs[1]).toEqual(expected);
    expect(script.reallyBlocked()).toEqual([]);
  });
});
