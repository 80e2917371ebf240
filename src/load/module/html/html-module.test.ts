import { afterEach, describe, expect, it } from "vitest";
import { closeAll, runScript } from "../http/http.suite.ts";

afterEach(closeAll);

const PAGE = `<html><head><title>Shop</title></head><body>
<ul id="l" class="big list"><li class="a" data-count="5" data-more='{"x":1}'>One</li><li>Two</li><li class="b">Three <b>bold</b></li></ul>
<!-- note --><a id="k" href="/a/b?c=d#e" rel="next nofollow">Link</a>
<form id="f" action="/go"><label for="n">Name</label><input id="n" name="n" value="v" maxlength="9">
<input type="checkbox" name="c" checked><input type="checkbox" name="d"><input name="off" disabled value="x">
<select id="s" name="s" multiple><option value="1" selected>one<option selected>two<option>three</select>
<textarea name="t">some
text</textarea><button name="go">Go</button></form>
<table><tr><td>1</td><th>2</th></tr></table></body></html>`;

async function of(expression: string): Promise<unknown> {
  const { value } = await runScript(`const page = parseHTML(${JSON.stringify(PAGE)});\nreturn ${expression};`);
  return value;
}

describe("Selection", () => {
  const cases: readonly (readonly [expression: string, value: unknown])[] = [
    ['page.find("li").size()', 3],
    ['page.find("title").text()', "Shop"],
    ['page.find("li").eq(1).text()', "Two"],
    ['page.find("li").last().html()', "Three <b>bold</b>"],
    ['page.find("nothing").html()', undefined],
    ['page.find("li").first().attr("class")', "a"],
    ['page.find("li").first().attr("title", "none")', "none"],
    ['page.find("li").attr("constructor")', undefined],
    ['page.find("li.b").index()', 2],
    ['page.find("li").index(page.find(".b"))', 2],
    ['page.find("li").index(page.find(".b").get(0))', 2],
    ['page.find("#l").children(".b").size()', 1],
    ['page.find("b").closest("ul").attr("id")', "l"],
    ['page.find("b").parents("li").size()', 1],
    ['page.find(".a").next().text()', "Two"],
    ['page.find(".a").nextAll().size()', 2],
    ['page.find(".a").nextUntil(".b").size()', 1],
    ['page.find(".b").prevAll().size()', 2],
    ['page.find(".b").siblings().size()', 2],
    ['page.find("li").has("b").attr("class")', "b"],
    ['page.find("li").not(".a").size()', 2],
    ['page.find("li").filter((index) => index > 0).size()', 2],
    ['page.find("li").not((index, one) => one.text() === "Two").size()', 2],
    ['page.find("li").is(".b")', true],
    ['page.find("li").is((_index, one) => one.text() === "Four")', false],
    ['page.find("li").slice(1, 2).text()', "Two"],
    ['page.find("li").toArray()[2].find("b").text()', "bold"],
    ['page.find("li").map((_index, one) => one.text()).join()', "One,Two,Three bold"],
    ['page.find(".a").data("count")', 5],
    ['page.find(".a").data()', { count: 5, more: { x: 1 } }],
    ['page.find("#s").val()', ["1", "two"]],
    ['page.find("textarea").val()', "some\ntext"],
    ['page.find("#f").serializeObject()', { n: "v", c: "on", s: "two", t: "some\ntext" }],
    ['page.find("#f").serialize()', "n=v&c=on&s=1&s=two&t=some%0Atext"],
    ['page.find("ul").contents().size()', 3],
  ];
  for (const [expression, value] of cases) it(expression, async () => expect(await of(expression)).toEqual(value));
});

describe("Element", () => {
  const cases: readonly (readonly [expression: string, value: unknown])[] = [
    ['page.find("ul").get(0).nodeName()', "ul"],
    ['page.find("ul").get(0).classList()', ["big", "list"]],
    ['page.find("ul").get(0).childElementCount()', 3],
    ['page.find("ul").get(0).firstElementChild().textContent()', "One"],
    ['page.find("ul").get(0).getElementsByTagName("li").length', 3],
    ['page.find("ul").get(0).getElementsByClassName("b")[0].innerHTML()', "Three <b>bold</b>"],
    ['page.find("ul").get(0).querySelector("b").parentElement().className()', "b"],
    ['page.find("ul").get(0).firstElementChild() === page.find("li").get(0)', true],
    ['page.find("ul").get(0).contains(page.find("b").get(0))', true],
    ['page.find("li").get(0).attributes()["data-count"].value', "5"],
    ['page.find("li").get(0).hasAttribute("toString")', false],
    ['page.find("li").get(0).nextElementSibling().textContent()', "Two"],
    ['page.find("li").get(0).firstChild().nodeType()', 3],
    ['page.find("li").get(0).isEqualNode(page.find("li").get(1))', false],
    ['page.find("a").get(0).pathname()', ""],
    ['page.find("a").get(0).relList()', ["next", "nofollow"]],
    ['page.find("#n").get(0).type()', "text"],
    ['page.find("#n").get(0).maxLength()', 9],
    ['page.find("#n").get(0).disabled()', false],
    ['page.find("#n").get(0).form().id()', "f"],
    ['page.find("#n").get(0).labels()[0].textContent()', "Name"],
    ['page.find("label").get(0).control().id()', "n"],
    ['page.find("form").get(0).method()', "get"],
    ['page.find("form").get(0).elements().length', 7],
    ['page.find("#s").get(0).selectedOptions().length', 2],
    ['page.find("#s").get(0).options()[2].value()', "three"],
    ['page.find("th").get(0).cellIndex()', 1],
    ['page.find("table").get(0).rows()[0].cells().length', 2],
    ['page.find("button").get(0).type()', "submit"],
  ];
  for (const [expression, value] of cases) it(expression, async () => expect(await of(expression)).toEqual(value));
});
