import { type ReactElement, useMemo, useRef, useState } from "react";
import type { ServiceGraph } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { formatDuration, formatRate, formatRatio } from "../../format/quantity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, StatisticsLine } from "../../part/answer.tsx";
import { AppLink } from "../../part/app-link.tsx";
import { useBoxSize } from "../../part/canvas.ts";
import { EmptyList } from "../../part/empty.tsx";
import { useAnswer } from "../../server/answers.ts";
import { hrefTo, type Question } from "../../state/question.ts";
import { layoutMap, type MapEdge, type MapNode, NODE_HEIGHT, NODE_WIDTH } from "./map-layout.ts";

const KIND_SIGNS: Readonly<Record<MapNode["kind"], string>> = {
  service: "",
  database: "database",
  queue: "queue",
  external: "external",
  group: "group",
};
const FAILING = 0.01;
const MOST_ZOOM = 1.35;

/** Who calls whom, left to right; width is rate, colour is errors. */
export function ServiceMap({ question }: { readonly question: Question }): ReactElement {
  const graph = useAnswer<ServiceGraph>("/service-graph", question.parameters);
  return (
    <Answer query={graph}>
      {(data) =>
        data.nodes.length === 0 ? (
          <EmptyList question={question} signal="spans" what="services" />
        ) : (
          <>
            <Drawing graph={data} question={question} />
            <div className="view-foot">
              <Key />
              <span className="grow" />
              <StatisticsLine statistics={data.statistics} busy={graph.isFetching} />
            </div>
          </>
        )
      }
    </Answer>
  );
}

/** What the lines and frames of the map mean. */
function Key(): ReactElement {
  return (
    <span className="map-key small secondary">
      <span>
        <svg aria-hidden="true" width="28" height="10">
          <path d="M1 5H11" className="map-edge" strokeWidth="1.5" />
          <path d="M14 5H27" className="map-edge" strokeWidth="7" />
        </svg>
        few or many calls
      </span>
      <span>
        <svg aria-hidden="true" width="20" height="10">
          <path d="M2 5H18" className="map-edge failing" strokeWidth="4" />
        </svg>
        {formatRatio(FAILING)} or more fail
      </span>
      <span>
        <svg aria-hidden="true" width="20" height="12">
          <rect x="1" y="1" width="18" height="10" rx="3" className="map-key-frame" />
        </svg>
        called, not instrumented
      </span>
    </span>
  );
}

function Drawing({ graph, question }: { readonly graph: ServiceGraph; readonly question: Question }): ReactElement {
  const layout = useMemo(() => layoutMap(graph), [graph]);
  const colourOf = useServiceColours();
  const box = useRef<HTMLElement>(null);
  const { width, height } = useBoxSize(box);
  // A small map fills the room there is, up to letters one does not take for a heading; a large one scrolls.
  const zoom = Math.min(MOST_ZOOM, Math.max(1, Math.min(width / (layout.width + 64), height / (layout.height + 64))));
  const [over, setOver] = useState<string | null>(null);
  const most = Math.max(1e-9, ...layout.edges.map(({ ratePerSecond }) => ratePerSecond));
  const touches = (edge: MapEdge): boolean => over === null || edge.from === over || edge.to === over;
  const near = new Set(
    over === null ? [] : [over, ...layout.edges.filter(touches).flatMap(({ from, to }) => [from, to])],
  );
  return (
    <section
      ref={box}
      className="map"
      aria-label={`Service map: ${layout.nodes.length} nodes, ${layout.edges.length} edges`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
    >
      <div className="map-canvas" style={{ width: layout.width + 64, height: layout.height + 64, zoom }}>
        <svg
          aria-hidden="true"
          width={layout.width + 64}
          height={layout.height + 64}
          viewBox={`-32 -32 ${layout.width + 64} ${layout.height + 64}`}
        >
          {layout.edges.map((edge) => (
            <path
              key={`${edge.from} ${edge.to}`}
              d={curve(edge.points)}
              className={`map-edge${edge.errorRatio >= FAILING ? " failing" : ""}${edge.back ? " back" : ""}${over !== null ? (touches(edge) ? " near" : " far") : ""}`}
              strokeWidth={1.5 + 6 * Math.sqrt(edge.ratePerSecond / most)}
            />
          ))}
        </svg>
        {layout.edges
          .filter((edge) => (over !== null ? touches(edge) : edge.errorRatio >= FAILING))
          .map((edge) => {
            const [x, y] = middle(edge.points);
            return (
              <span
                key={`${edge.from} ${edge.to}`}
                className={edge.errorRatio >= FAILING ? "map-label failing" : "map-label"}
                style={{ left: x + 32, top: y + 32 }}
              >
                {over === null
                  ? formatRatio(edge.errorRatio)
                  : `${formatRate(edge.ratePerSecond)}${edge.errorRatio > 0 ? ` · ${formatRatio(edge.errorRatio)} failed` : ""}${edge.p95Ns === null ? "" : ` · p95 ${formatDuration(edge.p95Ns)}`}`}
              </span>
            );
          })}
        {layout.nodes.map((node) => {
          const style = { left: node.x + 32, top: node.y + 32, width: NODE_WIDTH, height: NODE_HEIGHT };
          const className = `map-node ${node.kind}${node.errorRatio >= FAILING ? " failing" : ""}${over !== null && !near.has(node.id) ? " far" : ""}`;
          const inner = (
            <>
              <span
                aria-hidden="true"
                className="map-stripe"
                style={{ background: node.kind === "service" ? colourOf(node.id).variable : "var(--faint)" }}
              />
              <span className="map-text">
                <span className="map-name cut">
                  {node.kind === "group" ? `${node.members.length} more` : plainText(node.id, 60)}
                </span>
                <span className="small secondary cut">
                  {KIND_SIGNS[node.kind] !== "" && `${KIND_SIGNS[node.kind]} · `}
                  {formatRate(node.ratePerSecond)}
                  {node.errorRatio > 0 && (
                    <span className={node.errorRatio >= FAILING ? "error-text" : ""}>
                      {" "}
                      · {formatRatio(node.errorRatio)}
                    </span>
                  )}
                </span>
              </span>
            </>
          );
          const events = {
            onPointerEnter: () => setOver(node.id),
            onPointerLeave: () => setOver(null),
            onFocus: () => setOver(node.id),
            onBlur: () => setOver(null),
          };
          return node.kind === "service" ? (
            <AppLink
              key={node.id}
              href={hrefTo(`/services/${encodeURIComponent(node.id)}`, question.address)}
              className={className}
              style={style}
              {...events}
            >
              {inner}
            </AppLink>
          ) : (
            <div
              key={node.id}
              className={className}
              style={style}
              title={node.members.map((member) => plainText(member, 60)).join("\n")}
              onPointerEnter={events.onPointerEnter}
              onPointerLeave={events.onPointerLeave}
            >
              {inner}
            </div>
          );
        })}
      </div>
      <table className="visually-hidden">
        <caption>Calls between services</caption>
        <tbody>
          {layout.edges.map((edge) => (
            <tr key={`${edge.from} ${edge.to}`}>
              <td>{plainText(edge.from, 60)}</td>
              <td>{plainText(edge.to, 60)}</td>
              <td>{formatRate(edge.ratePerSecond)}</td>
              <td>{formatRatio(edge.errorRatio)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A smooth way through the points, level at both ends. */
function curve(points: readonly (readonly [number, number])[]): string {
  let path = `M${points[0]![0]} ${points[0]![1]}`;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1]!;
    const [x1, y1] = points[i]!;
    const half = (x1 - x0) / 2;
    path += `C${x0 + half} ${y0} ${x1 - half} ${y1} ${x1} ${y1}`;
  }
  return path;
}

function middle(points: readonly (readonly [number, number])[]): readonly [number, number] {
  const at = Math.floor((points.length - 1) / 2);
  const [x0, y0] = points[at]!;
  const [x1, y1] = points[at + 1] ?? points[at]!;
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}
