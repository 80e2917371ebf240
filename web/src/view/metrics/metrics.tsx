import type { ReactElement } from "react";
import { plainText } from "../../format/hostile.ts";
import { AppLink } from "../../part/app-link.tsx";
import { QueryBar } from "../../part/query-bar.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { hrefTo, useQuestion } from "../../state/question.ts";
import { MetricBrowser } from "./metric-browser.tsx";
import { MetricQuery } from "./metric-query.tsx";
import "./metrics.css";

/** Browse by name with previews, then one metric as a query. */
export function Metrics(): ReactElement {
  const question = useQuestion("metrics");
  const { metric } = question.address;
  return (
    <div className="view scrolls">
      <ViewTitle>
        {metric === undefined ? (
          <h1>Metrics</h1>
        ) : (
          <>
            <AppLink href={hrefTo("/metrics", question.address)} className="crumb">
              Metrics
            </AppLink>
            <span className="faint">/</span>
            <h1 className="mono">{plainText(metric, 80)}</h1>
          </>
        )}
      </ViewTitle>
      <QueryBar question={question} signal="metrics" placeholder="service = checkout" />
      {metric === undefined ? (
        <MetricBrowser question={question} />
      ) : (
        <MetricQuery key={metric} metric={metric} question={question} />
      )}
    </div>
  );
}
