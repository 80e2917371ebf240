import { journalSuite } from "../journal.suite.ts";
import { openMemoryJournal } from "./memory-journal.ts";

journalSuite("memory journal", { open: (limitBytes) => openMemoryJournal({ limitBytes }) });
