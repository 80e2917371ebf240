import { type ReactElement, useCallback, useMemo, useRef, useState } from "react";
import type { Logs as Answer, Fields, Histogram } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { formatNumberOf } from "../../format/quantity.ts";
import { PALETTES } from "../../look/palette.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer as AnswerStates, FailureNote, SkeletonBlock, StatisticsLine } from "../../part/answer.tsx";
import { Chart } from "../../part/chart.tsx";
import { EmptyList } from "../../part/empty.tsx";
import { FacetPanel } from "../../part/facet-panel.tsx";
import { seriesOfGroups } from "../../part/group-series.ts";
import { Icon } from "../../part/icon.tsx";
import { Popover } from "../../part/popover.tsx";
import { QueryBar } from "../../part/query-bar.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer } from "../../server/answers.ts";
import { MOST_ROWS, usePages } from "../../server/pages.ts";
import { useTheme } from "../../state/preferences.ts";
import { type Parameters, type Question, useChange, useQuestion } from "../../state/question.ts";
import { isRelative } from "../../state/time-range.ts";
import { joinLines } from "./log-lines.ts";
import { LogList } from "./log-list.tsx";
import { Patterns } from "./patterns.tsx";
import { searchHits } from "./search-hits.ts";
import { useTail } from "./use-tail.ts";
import "./logs.css";

const PAGE = 200;
const BUCKETS = 80;
const FACETS = ["service", "severity"];
const NO_COLUMNS: readonly string[] = [];

/** When and how much, what repeats, and every line of it. */
export function Logs(): ReactElement {
  const question = useQuestion("logs");
  const change = useChange();
  const { address } = question;
  const parameters: Parameters = useMemo(
    () => ({ ...question.parameters, text: address.text }),
    [question.parameters, address.text],
  );
  const tab = address.tab === "patterns" ? "patterns" : "lines";
  const live = address.live === true && isRelative(address) && tab === "lines";
  const oldest = address.sort === "time" && !live;
  return (
    <div className="view">
      <ViewTitle>
        <h1>Logs</h1>
      </ViewTitle>
      <QueryBar question={question} signal="logs" placeholder="words, or severity >= warn   service = checkout" />
      <LogHistogram question={question} parameters={parameters} />
      <div className="toolbar list-bar">
        <div className="segments" role="tablist" aria-label="Lines or patterns">
          <button type="button" role="tab" aria-selected={tab === "lines"} onClick={() => change({ tab: undefined })}>
            Lines
          </button>
          <button
            type="button"
            role="tab"
            aria-selected={tab === "patterns"}
            onClick={() => change({ tab: "patterns" })}
          >
            Patterns
          </button>
        </div>
        {tab === "lines" && <LineOptions question={question} live={live} oldest={oldest} />}
      </div>
      <div className="split">
        <FacetPanel question={question} signal="logs" standard={FACETS} />
        <div className="middle">
          {tab === "patterns" ? (
            <Patterns question={question} parameters={parameters} />
          ) : (
            <Lines question={question} parameters={parameters} live={live} oldest={oldest} />
          )}
        </div>
      </div>
    </div>
  );
}

function LogHistogram({
  question,
  parameters,
}: {
  readonly question: Question;
  readonly parameters: Parameters;
}): ReactElement {
  const change = useChange();
  const palette = PALETTES[useTheme()];
  const colourOf = useServiceColours();
  const field = question.address.group?.[0] ?? "severity";
  const histogram = useAnswer<Histogram>("/logs/histogram", { ...parameters, groupBy: field, buckets: BUCKETS });
  const series = useMemo(
    () => (histogram.data === undefined ? [] : seriesOfGroups(histogram.data, field, palette, colourOf)),
    [histogram.data, field, palette, colourOf],
  );
  return (
    <div className="log-histogram">
      {field !== "severity" && (
        <button type="button" className="button small log-ungroup" onClick={() => change({ group: undefined })}>
          <Icon name="close" size={12} /> by severity again
        </button>
      )}
      <AnswerStates query={histogram} skeleton={<SkeletonBlock height={132} />}>
        {(data) => (
          <Chart
            name={`Lines by ${plainText(field.replace(/^(attributes|resource)\./, ""), 60)}`}
            unit="count"
            mode="bars"
            height={104}
            startMs={data.startMs}
            stepMs={data.stepMs}
            endMs={question.range.toMs}
            series={series}
            zone={question.zone}
            nowMs={question.nowMs}
            onZoom={(fromMs, toMs) =>
              change({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), live: undefined })
            }
          />
        )}
      </AnswerStates>
    </div>
  );
}

function LineOptions({
  question,
  live,
  oldest,
}: {
  readonly question: Question;
  readonly live: boolean;
  readonly oldest: boolean;
}): ReactElement {
  const change = useChange();
  const { address } = question;
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState("");
  const fields = useAnswer<Fields>(
    "/logs/fields",
    { from: question.parameters["from"], to: question.parameters["to"] },
    { enabled: open, staleMs: 120_000 },
  );
  const columns = address.columns ?? [];
  const choices = [...new Set([...columns, ...(fields.data?.fields ?? []).map(({ field }) => field)])].filter(
    (field) => field.includes(search) && field !== "body" && field !== "service" && field !== "severity",
  );
  return (
    <>
      <fieldset className="segments" aria-label="Order">
        <button type="button" aria-pressed={!oldest} onClick={() => change({ sort: undefined })}>
          Newest
        </button>
        <button type="button" aria-pressed={oldest} disabled={live} onClick={() => change({ sort: "time" })}>
          Oldest
        </button>
      </fieldset>
      <button
        type="button"
        className="button small"
        aria-pressed={live}
        title="."
        onClick={() =>
          change({
            live: live ? undefined : true,
            sort: undefined,
            ...(isRelative(address) ? {} : { from: "now-15m", to: "now" }),
          })
        }
      >
        <Icon name={live ? "pause" : "play"} size={14} /> {live ? "Following" : "Follow"}
      </button>
      <button
        type="button"
        className="button small"
        aria-pressed={address.wrap === true}
        onClick={() => change({ wrap: address.wrap ? undefined : true })}
      >
        <Icon name="wrap" size={14} /> Wrap
      </button>
      <button
        ref={button}
        type="button"
        className="button small"
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="columns" size={14} /> Columns{columns.length > 0 && ` ${columns.length}`}
      </button>
      {open && (
        <Popover anchor={button} label="Columns" width={320} onClose={() => setOpen(false)}>
          <div className="facet-search">
            <input
              className="input"
              data-first
              aria-label="Find a field"
              placeholder="Find a field"
              value={search}
              onChange={(event) => setSearch(event.target.value)}
            />
          </div>
          {choices.slice(0, 40).map((field) => (
            <label key={field} className="menu-item">
              <input
                type="checkbox"
                checked={columns.includes(field)}
                onChange={() =>
                  change(
                    {
                      columns: columns.includes(field)
                        ? columns.filter((other) => other !== field)
                        : [...columns, field],
                    },
                    { replace: true },
                  )
                }
              />
              <span className="cut">
                <TelemetryText text={field} max={80} />
              </span>
            </label>
          ))}
        </Popover>
      )}
      <span className="grow" />
    </>
  );
}

function Lines({
  question,
  parameters,
  live,
  oldest,
}: {
  readonly question: Question;
  readonly parameters: Parameters;
  readonly live: boolean;
  readonly oldest: boolean;
}): ReactElement {
  const change = useChange();
  const { address } = question;
  // While following, the lines read once stay; the tail brings the rest.
  const frozen = useRef(parameters);
  const signature = JSON.stringify([parameters["where"], parameters["text"], address.from, address.to]);
  const asked = useRef(signature);
  if (!live || asked.current !== signature) {
    frozen.current = parameters;
    asked.current = signature;
  }
  const lines = usePages<Answer>("/logs", { ...frozen.current, order: oldest ? "oldest" : "newest", limit: PAGE });
  const tail = useTail(live, { where: question.where, text: address.text }, address.tenant);
  const read = useMemo(() => lines.data?.pages.flatMap((page) => page.logs) ?? [], [lines.data]);
  const rows = useMemo(() => joinLines(tail.shown, read), [tail.shown, read]);
  const more = useCallback(() => {
    if (lines.hasNextPage && !lines.isFetchingNextPage && read.length < MOST_ROWS) void lines.fetchNextPage();
  }, [lines, read.length]);
  const hits = useMemo(() => searchHits(address.text, question.where), [address.text, question.where]);
  const openLine = useCallback((id: string | undefined) => change({ open: id }, { replace: true }), [change]);
  return (
    <AnswerStates query={lines}>
      {(data) => (
        <>
          {tail.failure !== null && <FailureNote error={tail.failure} slim />}
          {rows.length === 0 ? (
            live ? (
              <div className="list-footer">Following; nothing yet.</div>
            ) : (
              <EmptyList question={question} signal="logs" what="lines" />
            )
          ) : (
            <>
              <LogList
                rows={rows}
                columns={address.columns ?? NO_COLUMNS}
                wrap={address.wrap === true}
                hits={hits}
                openId={address.open}
                onOpen={openLine}
                onEnd={more}
                onTop={tail.noteTop}
                fetching={lines.isFetchingNextPage}
              />
              <div className="log-foot">
                {live && (
                  <span className="row tight ok-text" role="status">
                    <span className="live-dot" /> following
                    {tail.waiting.length > 0 && (
                      <button
                        type="button"
                        className="button small primary"
                        onClick={() => {
                          tail.release();
                          document.querySelector(".log-scroller")?.scrollTo({ top: 0 });
                        }}
                      >
                        {tail.waiting.length.toLocaleString("en-US")} new
                      </button>
                    )}
                    {tail.skipped > 0 && (
                      <span className="warn-text">{tail.skipped.toLocaleString("en-US")} left out</span>
                    )}
                  </span>
                )}
                <span className="secondary small">
                  {formatNumberOf(rows.length, "line")}
                  {lines.hasNextPage ? " so far" : ""}
                </span>
                <span className="grow" />
                <StatisticsLine
                  statistics={data.pages[0]?.statistics}
                  busy={lines.isFetching && !lines.isFetchingNextPage}
                />
              </div>
            </>
          )}
        </>
      )}
    </AnswerStates>
  );
}
