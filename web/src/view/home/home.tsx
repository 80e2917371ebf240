import type { ReactElement } from "react";
import type { Home as HomeAnswer } from "../../../../src/api/contract/shapes.ts";
import { Answer, SkeletonBlock } from "../../part/answer.tsx";
import { NeverSent, useNeverSent } from "../../part/empty.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer, useStatus } from "../../server/answers.ts";
import { useQuestion } from "../../state/question.ts";
import { Arriving } from "./arriving.tsx";
import { DemoCard } from "./demo-card.tsx";
import { LedgerCard } from "./ledger-card.tsx";
import { Problems } from "./problems.tsx";
import "./home.css";

const REFRESH_MS = 5000;

/** What is wrong now, what is arriving, is anything lost. Follows by itself: it is what hangs on the wall. */
export function Home(): ReactElement {
  const question = useQuestion("spans");
  const status = useStatus();
  const { from, to } = question.address;
  // Relative ends go as they are, so that each refresh asks about its own now.
  const home = useAnswer<HomeAnswer>("/home", { from: from ?? "now-15m", to: to ?? "now" }, { refreshMs: REFRESH_MS });
  const empty = useNeverSent(status.data, home.data?.arriving.length === 0 && home.data.problems.length === 0);
  return (
    <div className="view scrolls">
      <ViewTitle>
        <h1>Home</h1>
      </ViewTitle>
      {empty && status.data !== undefined ? (
        <NeverSent status={status.data} />
      ) : (
        <div className="home">
          <section className="home-problems" aria-labelledby="home-wrong">
            <Answer
              query={home}
              skeleton={
                <>
                  <SkeletonBlock height={24} />
                  <SkeletonBlock height={148} />
                  <SkeletonBlock height={148} />
                </>
              }
            >
              {(data) => <Problems problems={data.problems} />}
            </Answer>
          </section>
          <div className="home-side">
            {status.data?.demo === true && <DemoCard />}
            <Answer query={status} skeleton={<SkeletonBlock height={220} />}>
              {(data) => <LedgerCard status={data} />}
            </Answer>
            {home.data !== undefined && <Arriving arriving={home.data.arriving} />}
          </div>
        </div>
      )}
    </div>
  );
}
