// The page's classes, answers and labels in Chromium: what is typed, learned, counted, kept and taken along.

import { answerFlows } from "./flows/answer-flows.js";
import { classFlows } from "./flows/class-flows.js";
import { projectFlows } from "./flows/project-flows.js";
import { runFlows } from "./flows/run-flows.js";

runFlows("the page's answers", [classFlows, answerFlows, projectFlows]);
