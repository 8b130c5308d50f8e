// The images that both states are given: real ones from the shared data folder, a small data set of three classes, and files that are
// meant to be refused. Laid out anew in each state's own folder, under the same relative names.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Images of one class of the small data set. */
const ofEachClass = 8;

/** @param {string} shared folder that holds data/images and data/busi @param {string} folder where to lay them out */
export function layOutInputs(shared, folder) {
  const images = join(shared, "data/images/png_jpg");
  const busi = join(shared, "data/busi");
  for (const needed of [images, busi])
    if (!existsSync(needed)) throw new Error(`${needed} — expected the shared data there, got nothing. Set BIOVLM_SHARED.`);
  const into = join(folder, "in/images");
  mkdirSync(join(into, "nested"), { recursive: true });
  const names = readdirSync(images).sort();
  for (const [i, name] of names.entries()) copyFileSync(join(images, name), join(into, i % 5 === 0 ? "nested" : "", name));
  for (const kind of ["benign", "malignant", "normal"]) {
    const own = join(folder, "in/busi", kind);
    mkdirSync(own, { recursive: true });
    const pictures = readdirSync(join(busi, kind)).sort();
    for (const name of pictures.filter((name) => !/_mask/.test(name)).slice(0, ofEachClass))
      copyFileSync(join(busi, kind, name), join(own, name));
    // a mask beside its picture, as the data set has it
    const mask = pictures.find((name) => /_mask/.test(name));
    if (mask !== undefined) copyFileSync(join(busi, kind, mask), join(own, mask));
  }
  const whole = readFileSync(
    join(
      images,
      names.find((name) => name.endsWith(".png")),
    ),
  );
  writeFileSync(join(into, "cut.png"), whole.subarray(0, whole.length >> 1));
  writeFileSync(join(into, "empty.png"), "");
  writeFileSync(join(into, "text.jpg"), "no image");
  writeFileSync(join(into, "notes.txt"), "left out\n");
  writeFileSync(join(folder, "in/classes.txt"), "chest X-ray\nhead CT\nbreast ultrasound\nskin lesion\nretina\n");
  writeFileSync(
    join(folder, "in/labels.csv"),
    `image,label\n${names
      .slice(0, 4)
      .map((name, i) => `${i % 5 === 0 ? "nested/" : ""}${name},${i % 2 ? "odd" : "even"}\n`)
      .join("")}`,
  );
}
