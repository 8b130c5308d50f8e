// The ways files come in: dropped anywhere on the page, picked, or pasted. Images go to the session, bank files to the class panel.

import { counted, IMAGE_KINDS, imageKinds } from "@biovlm/files";
import { announce, notice } from "./announcer.js";
import { droppedFiles, LeftOut, MOST_FILES, type PickedFile, pickedFiles } from "./dropped-files.js";
import { byId } from "./elements.js";
import type { Session } from "./session.js";

/** Who takes what is no image. */
export interface Taking {
  bank(file: File, name: string): void;
  labels(file: File): Promise<void>;
}

export function bindIntake(session: Session, taking: Taking): void {
  const drop = byId("drop");
  const fileInput = byId<HTMLInputElement>("file-input");
  const folderInput = byId<HTMLInputElement>("folder-input");
  byId("kinds").textContent = imageKinds("or");
  // browsers look at the last ending alone: .gz for .nii.gz
  const endings = [...IMAGE_KINDS.flatMap(({ endings: own }): readonly string[] => own), ".gz", ".csv", ".safetensors"];
  fileInput.accept = [...endings, "image/*", "application/dicom"].join(",");
  byId("pick-files").addEventListener("click", () => fileInput.click());
  byId("pick-folder").addEventListener("click", () => folderInput.click());

  const take = (picked: readonly PickedFile[], left = new LeftOut()) => {
    const bank = picked.find(({ file }) => /\.safetensors$/i.test(file.name));
    const labels = picked.find(({ file }) => /\.csv$/i.test(file.name));
    const images = picked.filter(({ file }) => !/\.(safetensors|csv)$/i.test(file.name));
    const out = left.text === "" ? "" : `Left out: ${left.text}.`;
    if (session.images.length + images.length > MOST_FILES) {
      notice(`Too many images: at most ${MOST_FILES} at once. Drop a smaller folder.`, true);
      return;
    }
    notice("", false);
    if (bank !== undefined) taking.bank(bank.file, bank.file.name);
    if (images.length > 0) {
      const twice = session.add(images);
      const added = images.length - twice;
      announce(`${counted(added, "image")} added`);
      const again = twice === 0 ? "" : `${twice} of these ${twice === 1 ? "was" : "were"} there already: each image is shown once.`;
      notice([again, out].filter((text) => text !== "").join(" "), false);
      session.answer().catch((error: unknown) => notice(String((error as Error).message), true));
    } else if (bank === undefined && labels === undefined)
      notice(`No images there: ${imageKinds("and")} files are read. ${out}`.trim(), true);
    if (labels !== undefined) void taking.labels(labels.file);
  };
  for (const input of [fileInput, folderInput]) {
    input.addEventListener("change", async () => {
      const [files, left] = [[...(input.files ?? [])], new LeftOut()];
      input.value = "";
      take(await pickedFiles(files, left), left);
    });
  }

  let depth = 0;
  document.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth++;
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => {
    if (--depth <= 0) leave();
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    leave();
    const left = new LeftOut();
    if (event.dataTransfer !== null) take(await droppedFiles(event.dataTransfer, left), left);
  });
  document.addEventListener("paste", async (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) take(await pickedFiles(files));
  });
  function leave(): void {
    depth = 0;
    drop.classList.remove("over");
  }
}
