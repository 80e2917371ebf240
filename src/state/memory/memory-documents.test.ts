import { describeDocuments } from "../documents.suite.ts";
import { openMemoryDocuments } from "./memory-documents.ts";

describeDocuments("documents in memory", async () => openMemoryDocuments());
