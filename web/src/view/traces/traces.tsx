import type { ReactElement } from "react";
import { QueryBar } from "../../part/query-bar.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useQuestion } from "../../state/question.ts";
import { TraceList } from "./trace-list.tsx";
import "./traces.css";

/** Where the slow and the failed ones are, what tells them apart, and each of them. */
export function Traces(): ReactElement {
  const question = useQuestion("spans");
  return (
    <div className="view">
      <ViewTitle>
        <h1>Traces</h1>
      </ViewTitle>
      <QueryBar
        question={question}
        signal="spans"
        placeholder="service = checkout   duration > 500ms   status = error"
      />
      <TraceList question={question} parameters={question.parameters} />
    </div>
  );
}
