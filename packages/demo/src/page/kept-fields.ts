// Fields of the page that stand as they stood at the last visit: classes as typed, model, device, precision, threads, the numbers of learning.

/** Fields by id, that are kept as they stand. */
const FIELDS = [
  "class-names",
  "bank-classes",
  "dataset",
  "model-choice",
  "device-choice",
  "precision-choice",
  "threads-choice",
  "learn-epochs",
  "learn-prompts",
  "learn-seed",
  "learn-shots",
  "routing-groups",
  "answer-groups",
] as const;
const KIND = "class-kind";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Keeps every field from now on. */
export function keepFields(put: (name: string, value: string) => void): void {
  const written = ({ target }: Event) => {
    if (!(target instanceof HTMLElement)) return;
    // whether images are sent is chosen anew in each visit
    if (target instanceof HTMLInputElement && target.name === KIND && target.value !== "server") put(KIND, target.value);
    else if ((FIELDS as readonly string[]).includes(target.id)) put(target.id, (target as Field).value);
  };
  document.addEventListener("input", written);
  document.addEventListener("change", written);
}

/** Sets fields to what was kept; a choice that is no longer offered stays as it is. */
export function restoreFields(kept: ReadonlyMap<string, unknown>): void {
  for (const id of FIELDS) {
    const [field, value] = [document.getElementById(id) as Field | null, kept.get(id)];
    if (field === null || typeof value !== "string" || value.length > 1_000_000) continue;
    if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === value)) continue;
    field.value = value;
    if (field instanceof HTMLSelectElement) field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  for (const radio of document.querySelectorAll<HTMLInputElement>(`input[name="${KIND}"]`)) {
    if (radio.value !== kept.get(KIND)) continue;
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
