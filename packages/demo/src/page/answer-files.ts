// The buttons that hand all answers out as files: CSV, JSON, a report to read. What stands in them is written in answer-lists.ts and
// answer-report.ts.

import type { AnswerGrouping } from "./answer-counts.js";
import { type AnswerSource, answeredOn, answersCsv, answersJson } from "./answer-lists.js";
import { answersReport } from "./answer-report.js";
import { element, saveText } from "./elements.js";
import { thumbnailOf } from "./picture.js";
import type { Project } from "./project.js";
import type { Session } from "./session.js";

export interface AnswerFiles {
  readonly controls: readonly HTMLElement[];
  /** @param any whether there is an answer to write */
  draw(any: boolean): void;
}

/** How a person wants the report. */
interface Wishes {
  readonly grouping: AnswerGrouping;
  readonly pictures: boolean;
}

const FILES: readonly {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly type: string;
  write(source: AnswerSource, wishes: Wishes): string;
}[] = [
  { id: "answers-csv", name: "answers.csv", text: "Answers as CSV", type: "text/csv", write: answersCsv },
  { id: "answers-json", name: "answers.json", text: "Answers as JSON", type: "application/json", write: answersJson },
  { id: "answers-report", name: "answers.html", text: "Report as HTML", type: "text/html", write: report },
];

function report(source: AnswerSource, { grouping, pictures }: Wishes): string {
  const made = new Date().toISOString();
  return answersReport(source, { grouping, made, ...(pictures ? { thumbnail: ({ picture }) => picture && thumbnailOf(picture) } : {}) });
}

/** @param grouping what the report compares answers with */
export function answerFiles(session: Session, project: Project, grouping: () => AnswerGrouping): AnswerFiles {
  const pictures = element("input", { attributes: { type: "checkbox", id: "report-pictures" } });
  const buttons = FILES.map(({ id, name, text, type, write }) =>
    element("button", {
      class: "second",
      text,
      attributes: { type: "button", id, disabled: "" },
      on: {
        click: async () => {
          // contents are named by their digests
          await project.identified();
          const source = sourceOf(session);
          if (source !== undefined) saveText(name, type, write(source, { grouping: grouping(), pictures: pictures.checked }));
        },
      },
    }),
  );
  return {
    controls: [
      ...buttons,
      element("label", { class: "check", attributes: { for: "report-pictures" } }, pictures, "with pictures in the report"),
    ],
    draw(any) {
      for (const button of buttons) button.disabled = !any;
    },
  };
}

function sourceOf({ images, opened, prepared, device, showing, series }: Session): AnswerSource | undefined {
  if (opened === undefined || prepared === undefined) return undefined;
  const shown = (image: AnswerSource["images"][number]) => ({ ...showing.refOf(image), ...series.placeOf(image) });
  return answeredOn({ images, opened: { ...opened, ...device }, prepared, shown });
}
