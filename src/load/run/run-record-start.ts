import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { availableParallelism, hostname, totalmem } from "node:os";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { printOptions } from "../option/print-options.ts";
import type { Options } from "../options.ts";
import type { GitState, RunRecord } from "../run-record.ts";

const GIT_TIMEOUT_MS = 2000;
const run = promisify(execFile);

export interface RecordAbout {
  /** Path of the entry file. */
  readonly script: string;
  readonly sha256: string;
  readonly name: string | undefined;
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The record of a run that begins. */
export async function startRecord(options: Options, about: RecordAbout, nowUnixMs: number): Promise<RunRecord> {
  return {
    schema: 1,
    id: randomBytes(16).toString("hex"),
    name: about.name ?? basename(about.script),
    script: { path: about.script, sha256: about.sha256 },
    startedUnixMs: nowUnixMs,
    endedUnixMs: undefined,
    status: "running",
    exitCode: undefined,
    reason: "",
    tags: options.tags,
    git: await gitState(dirname(about.script)),
    machine: {
      host: hostname(),
      platform: `${process.platform} ${process.arch}`,
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      node: process.versions.node,
      traceo: about.version,
    },
    ci: ciOf(about.environment),
    scenarios: printOptions(options)["scenarios"] as Readonly<Record<string, unknown>>,
    phases: [],
    thresholds: [],
    metrics: [],
    checks: [],
    timeline: [],
    exemplars: [],
    generators: [],
    notes: [],
  };
}

/** Undefined outside of a repository, and without git. */
async function gitState(folder: string): Promise<GitState | undefined> {
  const git = async (...args: readonly string[]): Promise<string> =>
    (await run("git", ["-C", folder, ...args], { timeout: GIT_TIMEOUT_MS })).stdout.trim();
  try {
    const commit = await git("rev-parse", "HEAD");
    const branch = await git("rev-parse", "--abbrev-ref", "HEAD");
    return { commit, branch, dirty: (await git("status", "--porcelain", "--untracked-files=no")) !== "" };
  } catch {
    // No git, no repository, no commit yet: a run needs none.
    return undefined;
  }
}

/** By the variables that these systems document. */
export function ciOf(environment: Readonly<Record<string, string | undefined>>): RunRecord["ci"] {
  const { GITHUB_ACTIONS, GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_REF_NAME } = environment;
  if (GITHUB_ACTIONS === "true")
    return {
      provider: "GitHub Actions",
      url: `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`,
      reference: GITHUB_REF_NAME ?? "",
    };
  const { GITLAB_CI, CI_JOB_URL, CI_COMMIT_REF_NAME } = environment;
  if (GITLAB_CI === "true") return { provider: "GitLab", url: CI_JOB_URL ?? "", reference: CI_COMMIT_REF_NAME ?? "" };
  const { JENKINS_URL, BUILD_URL, BRANCH_NAME } = environment;
  if (JENKINS_URL !== undefined)
    return { provider: "Jenkins", url: BUILD_URL ?? JENKINS_URL, reference: BRANCH_NAME ?? "" };
  return undefined;
}
