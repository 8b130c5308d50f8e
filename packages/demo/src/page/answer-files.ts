// The buttons that hand all answers out as files: CSV, JSON. What stands in them is written in answer-lists.ts.

import { type AnswerSource, answersCsv, answersJson } from "./answer-lists.js";
import { element, saveText } from "./elements.js";
import type { Project } from "./project.js";
import type { Session } from "./session.js";

export interface AnswerFiles {
  readonly buttons: readonly HTMLElement[];
  /** @param any whether there is an answer to write */
  draw(any: boolean): void;
}

const FILES: readonly {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly type: string;
  write(source: AnswerSource): string;
}[] = [
  { id: "answers-csv", name: "answers.csv", text: "Answers as CSV", type: "text/csv", write: answersCsv },
  { id: "answers-json", name: "answers.json", text: "Answers as JSON", type: "application/json", write: answersJson },
];

export function answerFiles(session: Session, project: Project): AnswerFiles {
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
          if (source !== undefined) saveText(name, type, write(source));
        },
      },
    }),
  );
  return {
    buttons,
    draw(any) {
      for (const button of buttons) button.disabled = !any;
    },
  };
}

function sourceOf({ images, opened, prepared, device, showing, series }: Session): AnswerSource | undefined {
  if (opened === undefined || prepared === undefined) return undefined;
  const shown = (image: AnswerSource["images"][number]) => ({ ...showing.refOf(image), ...series.placeOf(image) });
  return { images, opened: { ...opened, ...device }, prepared, shown };
}
