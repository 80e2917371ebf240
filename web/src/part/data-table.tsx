import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  memo,
  type ReactElement,
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { Icon } from "./icon.tsx";
import { useScrollMemory } from "./scroll-memory.ts";
import "./data-table.css";

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** The heading is there for those who cannot see what the column shows. */
  readonly titleHidden?: true;
  /** Pixels, or absent for a share of what is left. */
  /** In pixels, or as a share of the table ("14%"); what is left goes to the columns without one. */
  readonly width?: number | string;
  readonly align?: "end";
  /** The `sort` of the address that this heading asks for. */
  readonly sort?: string;
  readonly hint?: string;
  /** Left out on a small screen. */
  readonly wideOnly?: true;
  readonly cell: (row: Row, index: number) => ReactNode;
}

export interface DataTableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly rowHeight: number;
  readonly sort?: string | undefined;
  readonly onSort?: (sort: string) => void;
  readonly onOpen?: (row: Row) => void;
  readonly openKey?: string | undefined;
  /** Called near the end, to fetch more. */
  readonly onEnd?: () => void;
  readonly footer?: ReactNode;
  readonly rowClass?: (row: Row) => string;
  /** A name under which the scroll position is remembered for this address. */
  readonly memory?: string;
  readonly minWidth?: number;
}

const SMALL = 720;

/**
 * A real table, of which only the rows in sight exist: spacer rows stand for the rest. One row is in the tab order; arrow
 * keys, j and k, Home and End, Page Up and Down move it, Enter opens it.
 */
export function DataTable<Row>(props: DataTableProps<Row>): ReactElement {
  const {
    label,
    columns: all,
    rows,
    rowKey,
    rowHeight,
    sort,
    onSort,
    onOpen,
    openKey,
    onEnd,
    footer,
    rowClass,
    memory,
    minWidth,
  } = props;
  const small = typeof innerWidth === "number" && innerWidth < SMALL;
  const columns = useMemo(() => (small ? all.filter(({ wideOnly }) => wideOnly !== true) : all), [all, small]);
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
    getItemKey: (i) => rowKey(rows[i]!),
  });
  useScrollMemory(scroller, memory, rows.length > 0);
  const items = virtual.getVirtualItems();
  const first = items[0]?.start ?? 0;
  const last = items.at(-1);
  // Before the first measure no row exists yet, but the height must: a remembered scroll position needs it.
  const after = virtual.getTotalSize() - (last?.end ?? 0);
  const nearEnd = last !== undefined && last.index >= rows.length - 20;
  useEffect(() => {
    if (nearEnd) onEnd?.();
  }, [nearEnd, onEnd]);
  const { measure } = virtual;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new row height invalidates what was measured
  useEffect(() => measure(), [measure, rowHeight]);

  const focusRow = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setActive(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`tr[data-index="${next}"]`)?.focus({ preventScroll: true }),
    );
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTableSectionElement>): void => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 2);
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      j: active + 1,
      ArrowUp: active - 1,
      k: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      focusRow(to);
    } else if (event.key === "Enter" && event.target instanceof HTMLTableRowElement) {
      const row = rows[active];
      if (row !== undefined) onOpen?.(row);
    }
  };
  const latest = useRef({ rows, onOpen });
  latest.current = { rows, onOpen };
  const press = useCallback((index: number) => {
    if (getSelection()?.isCollapsed === false) return;
    setActive(index);
    const row = latest.current.rows[index];
    if (row !== undefined) latest.current.onOpen?.(row);
  }, []);
  const tabStop = items.some((item) => item.index === active) ? active : (items[0]?.index ?? 0);

  return (
    <div ref={scroller} className="table-scroller">
      <table
        className="data-table"
        aria-label={label}
        aria-rowcount={rows.length + 1}
        style={{ minWidth: columns.length < all.length ? undefined : minWidth }}
      >
        <colgroup>
          {columns.map((column) => (
            <col key={column.id} style={{ width: column.width }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => {
              const direction =
                sort === column.sort ? "ascending" : sort === `-${column.sort}` ? "descending" : undefined;
              return (
                <th
                  key={column.id}
                  scope="col"
                  className={column.align === "end" ? "number" : ""}
                  aria-sort={column.sort === undefined ? undefined : (direction ?? "none")}
                  title={column.hint}
                >
                  {column.titleHidden === true ? (
                    <span className="visually-hidden">{column.title}</span>
                  ) : column.sort === undefined || onSort === undefined ? (
                    column.title
                  ) : (
                    <button
                      type="button"
                      className="sort"
                      onClick={() => onSort(direction === "descending" ? column.sort! : `-${column.sort!}`)}
                    >
                      {column.title}
                      {direction !== undefined && <Icon name={direction === "descending" ? "down" : "up"} size={12} />}
                    </button>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody onKeyDown={onKeyDown}>
          {first > 0 && (
            <tr className="spacer" style={{ height: first }}>
              <td aria-hidden="true" colSpan={columns.length} />
            </tr>
          )}
          {items.map((item) => {
            const row = rows[item.index]!;
            return (
              <TableRow
                key={item.key}
                row={row}
                index={item.index}
                columns={columns as readonly Column<unknown>[]}
                height={rowHeight}
                current={openKey !== undefined && rowKey(row) === openKey}
                tabStop={item.index === tabStop}
                className={`${onOpen === undefined ? "" : "opens"} ${rowClass?.(row) ?? ""}`}
                onActive={setActive}
                onPress={press}
              />
            );
          })}
          {after > 0 && (
            <tr className="spacer" style={{ height: after }}>
              <td aria-hidden="true" colSpan={columns.length} />
            </tr>
          )}
        </tbody>
      </table>
      {footer}
    </div>
  );
}

interface TableRowProps {
  readonly row: unknown;
  readonly index: number;
  readonly columns: readonly Column<unknown>[];
  readonly height: number;
  readonly current: boolean;
  readonly tabStop: boolean;
  readonly className: string;
  readonly onActive: (index: number) => void;
  readonly onPress: (index: number) => void;
}

/** Scrolling renders the table anew for each frame; rows that stay in sight must not cost anything then. */
const TableRow = memo(function TableRow({
  row,
  index,
  columns,
  height,
  current,
  tabStop,
  className,
  onActive,
  onPress,
}: TableRowProps): ReactElement {
  return (
    <tr
      data-index={index}
      aria-rowindex={index + 2}
      aria-current={current ? "true" : undefined}
      tabIndex={tabStop ? 0 : -1}
      className={className}
      style={{ height }}
      onFocus={() => onActive(index)}
      onClick={() => onPress(index)}
    >
      {columns.map((column) => (
        <td key={column.id} className={column.align === "end" ? "number" : ""}>
          {column.cell(row, index)}
        </td>
      ))}
    </tr>
  );
});
