// What all pages share.
import { leaveQuickly } from "./leave.js";
import { registerWorker } from "./worker.js";

leaveQuickly();
registerWorker();
