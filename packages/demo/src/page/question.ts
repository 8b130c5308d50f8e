// A question before something is lost: two answers in words, Escape is no.

import { byId } from "./elements.js";

/** Resolves to whether the first answer was given. One question at a time: an open one is answered with no. */
export function ask(question: string, yes: string, no: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("question");
  if (dialog.open) dialog.close("no");
  byId("question-text").textContent = question;
  byId("question-yes").textContent = yes;
  byId("question-no").textContent = no;
  dialog.returnValue = "no";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
    byId("question-no").focus();
  });
}
