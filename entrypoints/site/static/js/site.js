// What all pages share.
import { leaveQuickly } from "./leave.js";

leaveQuickly();
