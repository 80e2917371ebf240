import { documentsSuite } from "../documents.suite.ts";
import { openMemoryDocuments } from "./memory-documents.ts";

documentsSuite("memory", openMemoryDocuments, false);
